#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <new>
#include <string>

namespace keyrota {

/// Sets memory aside that never reaches a swap device or a core dump. Once, at the start; without
/// it, or where the operating system refuses to lock so much (`ulimit -l`), a LockedText is wiped
/// all the same.
inline void set_locked_memory_aside() {
    constexpr std::size_t kBytes =
        std::size_t{256} * 1024;  // a batch of secrets takes an eighth of it
    constexpr std::size_t kSmallest = 64;
    CRYPTO_secure_malloc_init(kBytes, kSmallest);
}

/// Allocates there, and wipes what is given back.
template <class T>
struct LockedMemory {
    using value_type = T;

    LockedMemory() = default;
    template <class U>
    LockedMemory(const LockedMemory<U>&) noexcept {}

    T* allocate(std::size_t count) {
        void* const memory = OPENSSL_secure_malloc(count * sizeof(T));
        if (memory == nullptr) throw std::bad_alloc();
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) noexcept {
        OPENSSL_secure_clear_free(memory, count * sizeof(T));
    }
    friend bool operator==(const LockedMemory&, const LockedMemory&) { return true; }
};

/// A text that holds a secret: wherever it grows, moves or ends, it leaves nothing behind. Up to 15
/// characters would stand in the object itself; a secret has more.
using LockedText = std::basic_string<char, std::char_traits<char>, LockedMemory<char>>;

}  // namespace keyrota
