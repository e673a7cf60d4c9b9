// The floor of `./dev bench ingest`: reads JSON lines and parses each with simdjson, and does
// nothing with it. usage: parse_only FILE; prints how many lines were objects.

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

int main(int, char** argv) {
    constexpr std::size_t kBlock = std::size_t{1} << 18;
    const int file = open(argv[1], O_RDONLY);
    std::vector<char> buffer(2 * kBlock + simdjson::SIMDJSON_PADDING);
    simdjson::dom::parser parser(kBlock);
    std::size_t end = 0;
    long lines = 0;
    for (ssize_t got = 0; (got = read(file, buffer.data() + end, kBlock)) > 0;) {
        end += static_cast<std::size_t>(got);
        std::size_t begin = 0;
        while (const void* found = std::memchr(buffer.data() + begin, '\n', end - begin)) {
            const auto length =
                static_cast<std::size_t>(static_cast<const char*>(found) - buffer.data()) - begin;
            lines += parser.parse(buffer.data() + begin, length, false).is_object() ? 1 : 0;
            begin += length + 1;
        }
        std::memmove(buffer.data(), buffer.data() + begin, end - begin);
        end -= begin;
    }
    std::printf("%ld\n", lines);
}
