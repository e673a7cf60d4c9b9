#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace keyrota {

// What the detector remembers of one key: constant in size, whatever the key's age. Symbols in
// brackets are those of docs/anomaly.md.

inline constexpr unsigned kHoursOfWeek = 168;
inline constexpr unsigned kHoursOfDay = 24;

/// What an hour usually brings: three baselines, mixed by how well each has done.
struct BaselineState {
    std::array<std::uint8_t, kHoursOfWeek> hour_of_week{};  // requests, coded [how]
    std::array<std::uint8_t, kHoursOfDay> hour_of_day{};    // requests, coded [hod]
    std::uint8_t code_shift = 0;  // codes mean so many doublings more: keys beyond 311,000/h
    float level = 0;              // requests an hour, whatever the hour [lvl]
    // Mean squared error of each baseline, of square roots [E0, E1, E2].
    float week_misfit = 1, day_misfit = 1, level_misfit = 1;
    float recent_requests = 0, recent_expected = 0;  // fading sums [sy, sm]
    float excess_variance = 0, variance_weight = 0;  // their ratio: dispersion [va, vm]
};

/// How surprising this key's usual hours are, beyond what the model thinks.
struct TailState {
    float quantile = 1;         // one hour in fifty is more surprising [q]
    float mean_excess = 0;      // of those, above it [m]
    float excesses = 0;         // their number, bounded [wn]
    std::uint16_t learned = 0;  // hours, bounded [n]
};

/// Many slightly surprising hours in a row.
struct BurstState {
    float evidence = 0;                // [G]
    float highest = 0;                 // of earlier bursts, fading [Gmax]
    float requests = 0, expected = 0;  // in this burst [gY, gM]
    std::uint16_t hours = 0;           // of this burst [gN]
};

/// How large this key's hours are when it is used at all.
struct SizeState {
    float highest = 0;                        // fading [mx]
    float active_hours = 0;                   // bounded [na]
    float log_mean = 0, log_variance = 0.5F;  // of ln(requests + 1) [lm, lv]
};

struct SilenceState {
    std::uint32_t hours = 0;     // so far without a request [zrun]
    float evidence = 0;          // that it is no chance, in powers of ten [Z]
    float highest_evidence = 0;  // of earlier silences, fading [Zmax]
    float longest = 0;           // hours, fading [zlong]
    // After an hour without requests: hours seen, and those that had none either [za, zz].
    float chances = 0, continued = 0;
};

struct WakeState {
    float requests = 0;       // since then [wake]
    std::uint32_t since = 0;  // the hour in which a long silence ended; 0: none did [wakeT]
};

struct ErrorState {
    float errors = 0, requests = 0;                  // fading: the usual share [pe_e, pe_n]
    float excess_variance = 0, variance_weight = 0;  // [ve, vme]
    TailState tail;                                  // [te]
    float evidence = 0, highest = 0;                 // of a run of bad hours [Ge, Gem]
    float run_errors = 0, run_expected = 0, run_requests = 0;  // in it [geE, geM, geY]
    std::uint16_t run_hours = 0;                               // [geN]
};

/// Days against what their hours usually bring: slow changes.
struct DailyState {
    float requests = 0;                            // today [dayY]
    float log_variance = 0.16F;                    // of a day around what was expected [vl]
    float evidence = 0;                            // that the level has changed [Cu]
    float shift_requests = 0, shift_expected = 0;  // while there is evidence [cuY, cuM]
    float shift_highest = 0;                       // day of it [cuMx]
    float highest = 0;                             // day before it, fading [mxD]
    float recently_used = 0;          // days with a request, fading; at most 28.6 [act]
    std::uint16_t shift_days = 0;     // [cuN]
    std::uint16_t shift_records = 0;  // of them above all before [cuR]
    std::uint16_t days = 0;           // ended so far [nd]
    std::uint16_t used_days = 0;      // with a request, ever [kd]
};

struct MailState {
    float budget = 3;               // mails that may still be sent [tok]
    std::uint32_t last_alarm = 0;   // hour; 0: none yet [lastA]
    std::uint32_t last_refill = 0;  // hour [lastTok]
};

struct DetectorState {
    std::int32_t last_hour = -1;  // the newest that was applied; -1: none
    std::uint32_t hours = 0;      // of life, from the first request on [n]
    BaselineState baseline;
    TailState tail;  // [tu]
    BurstState burst;
    SizeState size;
    SilenceState silence;
    WakeState wake;
    ErrorState errors;
    DailyState daily;
    MailState mail;
};

/// A state as it is stored: little-endian, without gaps, the format's version first.
inline constexpr std::uint16_t kDetectorFormat = 1;
inline constexpr std::size_t kPackedStateSize = 419;
using PackedState = std::array<unsigned char, kPackedStateSize>;

PackedState pack(const DetectorState& state);
/// @returns false for another format or size: such a state is made anew, never misread.
bool unpack(std::span<const unsigned char> packed, DetectorState& state);

}  // namespace keyrota
