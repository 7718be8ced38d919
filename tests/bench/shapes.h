// The graphs that are measured.
#ifndef W2T_TESTS_BENCH_SHAPES_H_
#define W2T_TESTS_BENCH_SHAPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "w2t/v1/graph.pb.h"

namespace w2t::bench {

enum class Shape : uint8_t { kIndependent, kChain, kLayered };

std::optional<Shape> ParseShape(std::string_view name);

// `count` tasks that all call the null handler. The same every time.
v1::Graph MakeGraph(Shape shape, uint32_t count);

}  // namespace w2t::bench

#endif  // W2T_TESTS_BENCH_SHAPES_H_
