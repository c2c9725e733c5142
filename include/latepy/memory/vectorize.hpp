// latepy/memory/vectorize.hpp: vectorize(), which makes a function of numbers one of arrays.
// SPDX-License-Identifier: MIT
#pragma once

#include <latepy/host/detail/function/signature_of.hpp>
#include <latepy/memory/array.hpp>

namespace latepy {
inline namespace v1 {
namespace detail {

/// The shape that arrays have together, and how each of them steps through it.
class Broadcast {
 public:
  /// \throws ValueError if the shapes do not go together.
  void add(int ndim, const ssize* shape);
  std::vector<ssize> shape{};
};
/// The steps of an array in items, for each dimension of the broadcast; 0 where it has one item for all.
std::vector<ssize> steps_of(const Broadcast& all, int ndim, const ssize* shape);

/// A new ndarray, or a View if there is no numpy, and where its items are.
Object new_result(const ItemType& type, const Shape& shape, void*& data);

template <class F, class R, class... A>
class Vectorized {
  static_assert(sizeof...(A) > 0, "vectorize(): the function needs a parameter");
  static_assert(is_item<R> && (is_item<plain<A>> && ...),
                "vectorize(): parameters and result must be numbers, bool or std::complex");

 public:
  Vectorized(F f, bool releases_gil) : f_(std::move(f)), releases_gil_(releases_gil) {}
  Object operator()(const Array<const plain<A>>&... arrays) { return run(std::index_sequence_for<A...>(), arrays...); }

 private:
  template <std::size_t... I>
  Object run(std::index_sequence<I...>, const Array<const plain<A>>&... arrays) {
    if (((arrays.ndim() == 0) && ...)) return to_py(f_(*arrays.data()...));
    Broadcast all;
    (all.add(arrays.ndim(), ArrayAccess::shape(arrays)), ...);
    const Shape shape(all.shape);
    void* place = nullptr;
    Object result = new_result(item_type<R>, shape, place);
    std::optional<GilRelease> released;
    if (releases_gil_) released.emplace();
    R* out = static_cast<R*>(place);
    const std::size_t count = shape.count();
    if ((((arrays.size() == count && arrays.ndim() == shape.ndim()) || arrays.size() == 1) && ...)) {
      const std::size_t steps[] = {(arrays.size() == 1 ? 0u : 1u)...};
      const bool are_all_whole = ((steps[I] == 1) && ...);
      if (are_all_whole)
        for (std::size_t i = 0; i < count; ++i) out[i] = f_(arrays.data()[i]...);
      else
        for (std::size_t i = 0; i < count; ++i) out[i] = f_(arrays.data()[i * steps[I]]...);
      return result;
    }
    const std::vector<ssize> steps[] = {steps_of(all, arrays.ndim(), ArrayAccess::shape(arrays))...};
    const std::size_t last = all.shape.size() - 1;
    ssize at[sizeof...(A)] = {};
    std::vector<ssize> index(all.shape.size());
    for (std::size_t done = 0; done < count;) {
      for (ssize i = 0; i < all.shape[last]; ++i, ++done) *out++ = f_(arrays.data()[at[I] + i * steps[I][last]]...);
      for (std::size_t d = last; d-- > 0;) {
        ((at[I] += steps[I][d]), ...);
        if (++index[d] < all.shape[d]) break;
        ((at[I] -= steps[I][d] * all.shape[d]), ...);
        index[d] = 0;
      }
    }
    return result;
  }

  F f_;
  bool releases_gil_;
};

template <class F, class R, class... A>
inline constexpr bool needs_gil<Vectorized<F, R, A...>> = true;

template <class F, class R, class... A>
Vectorized<F, std::remove_cv_t<R>, A...> make_vectorized(F f, bool releases_gil, Signature<R, A...>) {
  return {std::move(f), releases_gil};
}

}  // namespace detail

///@{
/// Makes a function of numbers one of arrays, for def(): `python.def("f", py::vectorize([](double x, int n) { … }))`.
/// Each parameter takes what an Array<const T> takes. The arrays are broadcast, as numpy does it; numbers alone give a
/// number. The result is a new ndarray, or a View if there is no numpy. What the function throws is thrown on.
/// With `release_gil` here, and not in def(), other threads run Python meanwhile, and the function must not use Python
/// objects.
template <class F>
auto vectorize(F function) {
  return detail::make_vectorized(std::move(function), false, detail::signature_of<F>());
}
template <class F>
auto vectorize(F function, ReleasesGil) {
  return detail::make_vectorized(std::move(function), true, detail::signature_of<F>());
}
///@}

#if LATEPY_DEFINITIONS
namespace detail {

LATEPY_FUNC Object new_result(const ItemType& type, const Shape& shape, void*& data) {
  try {
    return empty_ndarray(type, shape, data);
  } catch (const ImportError&) {
    ArrayMemory memory;
    memory.make(type, shape);
    data = memory.data;
    return memory.object;
  }
}
LATEPY_FUNC void Broadcast::add(int ndim, const ssize* sizes) {
  const auto count = static_cast<std::size_t>(ndim);
  if (count > shape.size()) shape.insert(shape.begin(), count - shape.size(), 1);
  for (std::size_t i = 0; i < count; ++i) {
    ssize& common = shape[shape.size() - count + i];
    if (sizes[i] == common || sizes[i] == 1) continue;
    if (common != 1)
      throw ValueError(concat({"arrays of these shapes do not go together: a dimension has ", decimal(common),
                               " items in one, and ", decimal(sizes[i]), " in another"}));
    common = sizes[i];
  }
}
LATEPY_FUNC std::vector<ssize> steps_of(const Broadcast& all, int ndim, const ssize* shape) {
  std::vector<ssize> steps(all.shape.size());
  std::size_t step = 1;  // unsigned: beside a dimension without items the others may have any number
  for (std::size_t i = static_cast<std::size_t>(ndim); i-- > 0; step *= static_cast<std::size_t>(shape[i]))
    steps[all.shape.size() - static_cast<std::size_t>(ndim) + i] = shape[i] == 1 ? 0 : static_cast<ssize>(step);
  return steps;
}

}  // namespace detail
#endif  // LATEPY_DEFINITIONS

}  // namespace v1
}  // namespace latepy
