// What single words of a graph file mean. All pure.
#ifndef W2T_CLIENT_GRAPHFILE_SCALARS_H_
#define W2T_CLIENT_GRAPHFILE_SCALARS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace w2t::graphfile {

// "500ms", "30s", "5m", "1h", "1.5s", sums like "1m30s", and "0". Whole
// nanoseconds; null when it is none of these, negative, or over 10,000 h.
std::optional<absl::Duration> ParseDuration(std::string_view text);

// A whole number in decimal digits, with or without a sign.
std::optional<int64_t> ParseInteger(std::string_view text);

// A number that is not negative, as thousandths: "0.5" is 500. Null with more
// than three decimals or above 10^12.
std::optional<uint64_t> ParseThousandths(std::string_view text);

// An amount of bytes: "512MiB", "1.5GB", "4096". Null when it is none or above
// 10^15.
std::optional<uint64_t> ParseBytes(std::string_view text);

// A number in decimal or exponent form; never infinite.
std::optional<double> ParseReal(std::string_view text);

// The number of a signal by its name, with or without "SIG" ("TERM",
// "SIGUSR1").
std::optional<uint32_t> ParseSignal(std::string_view name);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_SCALARS_H_
