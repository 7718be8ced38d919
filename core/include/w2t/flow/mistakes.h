// What the compiler says of a call that cannot be meant: it has one of these
// types, and they are never complete. So the error stands at the call, is the
// only one, and its one line names the mistake:
//
//   invalid use of incomplete type
//     ‘w2t::flow::DependencyCycle<Text<31>{"join -> parse -> fetch -> join"}>’
//
// clang 14 would print a Text as a list of numbers. It gets its characters one
// by one: DependencyCycle<'j', 'o', 'i', 'n', ' ', '-', '>', ...
#ifndef W2T_FLOW_MISTAKES_H_
#define W2T_FLOW_MISTAKES_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "w2t/flow/text.h"

namespace w2t::flow {

#ifdef __clang__
#define W2T_FLOW_TEXT char...
#else
#define W2T_FLOW_TEXT ::w2t::flow::Text
#endif

// Of blueprint().
template <W2T_FLOW_TEXT kPath>
struct DependencyCycle;  // each waits for the next one
template <W2T_FLOW_TEXT kTask>
struct SelfDependency;  // it waits for itself
template <W2T_FLOW_TEXT kTaskAndName>
struct UnknownDependency;  // it waits for what is not there
template <W2T_FLOW_TEXT kTask>
struct DuplicateTask;  // two tasks of one name
template <W2T_FLOW_TEXT kTaskAndName>
struct DuplicateDependency;  // it waits twice for the same

template <typename Task, typename... Given>
struct TaskMustTake;  // its body, like BodyMustTake
template <W2T_FLOW_TEXT kTask>
struct TaskCalled;  // which one, in the line above

// Of tasks and results by name.
template <W2T_FLOW_TEXT kName>
struct UnknownTask;  // the blueprint has no such task

// Of Graph::Add.
template <typename... Given>
struct BodyMustTake;  // these, and after them a std::stop_token if it likes
template <typename Argument>
struct NotAClause;  // between name and body there are After(task) and the like

// Of Result's square brackets.
template <typename Value>
struct NotCopyable;  // use Get, or Take

namespace internal {

// Spelled<Mistake, kText>::type is Mistake<kText>, as the compiler prints it
// best.
#ifdef __clang__
template <template <char...> class Mistake, Text kText, size_t... kIndex>
std::type_identity<Mistake<kText.bytes[kIndex]...>> Spell(
    std::index_sequence<kIndex...>);
template <template <char...> class Mistake, Text kText>
using Spelled = decltype(Spell<Mistake, kText>(
    std::make_index_sequence<kText.view().size()>()));
#else
template <template <Text> class Mistake, Text kText>
using Spelled = std::type_identity<Mistake<kText>>;
#endif

// decltype(Bare(...)) has no aliases, and is printed once.
template <typename T>
T Bare(std::type_identity<T>);

}  // namespace internal
}  // namespace w2t::flow

#undef W2T_FLOW_TEXT

#endif  // W2T_FLOW_MISTAKES_H_
