// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "taut/core/views.hpp"

namespace py = pybind11;

/// Views of NumPy arrays without a copy. An array that would need one (another dtype, another
/// layout) is refused with the name of the argument; converting is the Python layer's work, done
/// once per fit. Views do not keep the array alive: the argument does, for the call.
namespace taut::bindings {

/// Every form in which a design matrix may arrive.
using DesignView = std::variant<DenseView<double>, DenseView<float>, CscView<double, std::int32_t>,
                                CscView<double, std::int64_t>, CscView<float, std::int32_t>,
                                CscView<float, std::int64_t>>;

/// Row-major matrix owned by somebody else, rows contiguous one after the other.
template <class T>
struct RowMajorView {
  const T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
};

namespace detail {

inline std::string text(const py::handle& object) { return py::str(object).cast<std::string>(); }

inline std::string type_name(const py::handle& object) {
  return text(py::type::of(object).attr("__name__"));
}

template <class T>
std::string dtype_name() {
  return text(py::dtype::of<T>());
}

/// `object` as an array of `ndim` dimensions and exactly the dtype T, aligned; else an error.
template <class T>
py::array typed_array(const py::handle& object, const std::string& name, Index ndim) {
  if (!py::isinstance<py::array>(object)) {
    throw py::type_error(name + " must be a numpy array, got " + type_name(object) + ".");
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  if (!py::isinstance<py::array_t<T>>(array)) {
    throw py::type_error(name + " must have dtype " + dtype_name<T>() + ", got " +
                         text(array.dtype()) + ".");
  }
  if (array.ndim() != ndim) {
    throw py::value_error(name + " must have " + std::to_string(ndim) + " dimension" +
                          (ndim == 1 ? "" : "s") + ", got " + std::to_string(array.ndim()) + ".");
  }
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T) != 0) {
    throw py::value_error(name + " must be aligned in memory; pass a copy.");
  }
  return array;
}

inline void require_size(Index got, Index expected, const std::string& name) {
  if (got != expected) {
    throw py::value_error(name + " must have length " + std::to_string(expected) + ", got " +
                          std::to_string(got) + ".");
  }
}

/// Row indices in range and column starts in order: a kernel that reads outside would crash.
/// O(nnz), one pass over the indices.
template <class T, class I>
CscView<T, I> csc_view(const py::tuple& parts, const std::string& name) {
  const py::array data = typed_array<T>(parts[0], name + ".data", 1);
  const py::array indices = typed_array<I>(parts[1], name + ".indices", 1);
  const py::array indptr = typed_array<I>(parts[2], name + ".indptr", 1);
  const auto rows = parts[3].cast<Index>();
  const auto cols = parts[4].cast<Index>();
  for (const auto& [array, part] : {std::pair<const py::array&, const char*>{data, ".data"},
                                    {indices, ".indices"},
                                    {indptr, ".indptr"}}) {
    if (array.size() > 1 && array.strides(0) != array.itemsize()) {
      throw py::value_error(name + part + " must be contiguous.");
    }
  }
  if (rows < 0 || cols < 0 || cols == std::numeric_limits<Index>::max()) {
    throw py::value_error(name + " must have a shape >= 0 that fits, got (" + std::to_string(rows) +
                          ", " + std::to_string(cols) + ").");
  }
  require_size(indptr.size(), cols + 1, name + ".indptr");
  require_size(indices.size(), data.size(), name + ".indices");

  const CscView<T, I> view{static_cast<const T*>(data.data()),
                           static_cast<const I*>(indices.data()),
                           static_cast<const I*>(indptr.data()), rows, cols};
  bool ordered = view.ptr[0] == 0;
  for (Index j = 0; j < cols; ++j) ordered = ordered && view.ptr[j] <= view.ptr[j + 1];
  if (!ordered || static_cast<Index>(view.ptr[cols]) > data.size()) {
    throw py::value_error(name + ".indptr must rise from 0 to at most " +
                          std::to_string(data.size()) + ", the number of stored entries.");
  }
  const auto nnz = static_cast<Index>(view.ptr[cols]);
  I low = 0;
  I high = -1;
  for (Index k = 0; k < nnz; ++k) {
    low = view.idx[k] < low ? view.idx[k] : low;
    high = view.idx[k] > high ? view.idx[k] : high;
  }
  if (low < 0 || static_cast<Index>(high) >= rows) {
    throw py::value_error(name + ".indices must lie in 0 .. " + std::to_string(rows - 1) +
                          ", got values in " + std::to_string(low) + " .. " + std::to_string(high) +
                          ".");
  }
  return view;
}

/// Positions that a kernel follows without a look of its own.
template <class I>
void require_range(const VecView<I>& positions, Index low, Index end, const char* name) {
  Index least = low, greatest = end - 1;
  for (Index k = 0; k < positions.size; ++k) {
    least = std::min(least, static_cast<Index>(positions.data[k]));
    greatest = std::max(greatest, static_cast<Index>(positions.data[k]));
  }
  if (least < low || greatest >= end) {
    throw py::value_error(std::string(name) + " holds positions outside of " + std::to_string(low) +
                          " .. " + std::to_string(end - 1) + ".");
  }
}

/// Starts of runs that cover 0 .. end - 1 in order.
template <class I>
void require_starts(const VecView<I>& starts, Index end, const char* name) {
  bool right = starts.size > 0 && starts.data[0] == 0 && starts.data[starts.size - 1] == end;
  for (Index k = 0; k + 1 < starts.size; ++k) right &= starts.data[k] <= starts.data[k + 1];
  if (!right) {
    throw py::value_error(std::string(name) + " must rise from 0 to " + std::to_string(end) + ".");
  }
}

inline void require_at_least(Index value, Index low, const char* name) {
  if (value < low) {
    throw py::value_error(std::string(name) + " must be >= " + std::to_string(low) + ", got " +
                          std::to_string(value) + ".");
  }
}

inline void require_positive(double value, const char* name) {
  if (!(value > 0.0) || std::isinf(value)) {
    throw py::value_error(std::string(name) + " must be > 0 and finite, got " +
                          std::to_string(value) + ".");
  }
}

/// Numbers whose squares do not overflow: a selection among NaN has no end that can be relied on.
template <class T>
void require_moderate(const T* data, Index size, const char* name) {
  // Numbers without their signs are ordered as their bits are, NaN last. A difference below zero
  // leaves its sign in `over`: no branch and no comparison, so that memory alone sets the pace.
  using Bits = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
  const T limit = std::sqrt(std::numeric_limits<T>::max()) / T{1024};
  Bits highest, over = 0;
  std::memcpy(&highest, &limit, sizeof(T));
  for (Index k = 0; k < size; ++k) {
    Bits bits;
    std::memcpy(&bits, data + k, sizeof(T));
    over |= highest - (bits & std::numeric_limits<Bits>::max());
  }
  if (over < 0) throw py::value_error(std::string(name) + " holds NaN or numbers too large.");
}

}  // namespace detail

/// (rows, cols) array whose columns are contiguous; columns may lie further apart than `rows`, so
/// a slice X[:, a:b] or X[a:b] of a Fortran-ordered array is taken as it is.
template <class T>
DenseView<T> dense_view(const py::handle& object, const std::string& name) {
  const py::array array = detail::typed_array<T>(object, name, 2);
  const Index rows = array.shape(0);
  const Index cols = array.shape(1);
  const Index size = static_cast<Index>(sizeof(T));
  const Index down = array.strides(0);
  const Index across = array.strides(1);
  const bool column_contiguous = rows <= 1 || down == size;
  const bool columns_apart = cols <= 1 || (across >= rows * size && across % size == 0);
  if (rows * cols > 0 && !(column_contiguous && columns_apart)) {
    throw py::value_error(name + " must be Fortran-ordered (contiguous columns), got strides (" +
                          std::to_string(down) + ", " + std::to_string(across) + ") for shape (" +
                          std::to_string(rows) + ", " + std::to_string(cols) +
                          "); use numpy.asfortranarray.");
  }
  const Index ld = cols > 1 && rows > 0 ? across / size : rows;
  return {static_cast<const T*>(array.data()), rows, cols, ld};
}

/// (rows, cols) array in C order without gaps, as targets of several responses are.
template <class T>
RowMajorView<T> row_major_view(const py::handle& object, const std::string& name) {
  const py::array array = detail::typed_array<T>(object, name, 2);
  if ((array.flags() & py::array::c_style) == 0) {
    throw py::value_error(name + " must be C-contiguous; use numpy.ascontiguousarray.");
  }
  return {static_cast<const T*>(array.data()), array.shape(0), array.shape(1)};
}

/// Contiguous 1-d array; `size` >= 0 is the length it must have.
template <class T>
VecView<T> vec_view(const py::handle& object, const std::string& name, Index size = -1) {
  const py::array array = detail::typed_array<T>(object, name, 1);
  if (array.size() > 1 && array.strides(0) != static_cast<Index>(sizeof(T))) {
    throw py::value_error(name + " must be contiguous; use numpy.ascontiguousarray.");
  }
  if (size >= 0) detail::require_size(array.size(), size, name);
  return {static_cast<const T*>(array.data()), array.size()};
}

/// The same, or an empty view (data == nullptr) for None.
template <class T>
VecView<T> optional_vec_view(const py::handle& object, const std::string& name, Index size = -1) {
  if (object.is_none()) return {};
  return vec_view<T>(object, name, size);
}

/// A design matrix: float64 or float32 array in Fortran order, or a tuple
/// (data, indices, indptr, n_rows, n_cols) of compressed sparse columns with int32 or int64
/// indices. Use std::visit on the result.
inline DesignView design_view(const py::handle& object, const std::string& name) {
  if (py::isinstance<py::tuple>(object)) {
    const auto parts = py::reinterpret_borrow<py::tuple>(object);
    if (parts.size() != 5) {
      throw py::value_error(name +
                            " must be an array or (data, indices, indptr, n_rows, n_cols), got " +
                            std::to_string(parts.size()) + " items.");
    }
    const bool wide = py::isinstance<py::array_t<std::int64_t>>(parts[1]);
    if (py::isinstance<py::array_t<float>>(parts[0])) {
      if (wide) return detail::csc_view<float, std::int64_t>(parts, name);
      return detail::csc_view<float, std::int32_t>(parts, name);
    }
    if (wide) return detail::csc_view<double, std::int64_t>(parts, name);
    return detail::csc_view<double, std::int32_t>(parts, name);
  }
  if (py::isinstance<py::array_t<float>>(object)) return dense_view<float>(object, name);
  if (py::isinstance<py::array>(object) && !py::isinstance<py::array_t<double>>(object)) {
    throw py::type_error(name + " must have dtype float64 or float32, got " +
                         detail::text(object.attr("dtype")) + ".");
  }
  return dense_view<double>(object, name);
}

/// Hands a vector over to NumPy without a copy, as an array of the given shape (C order).
template <class T>
py::array_t<T> to_array(std::vector<T>&& values, std::vector<py::ssize_t> shape) {
  py::ssize_t size = 1;
  for (const py::ssize_t extent : shape) size *= extent;
  if (size != static_cast<py::ssize_t>(values.size())) {
    throw std::logic_error("to_array: shape and number of values differ");
  }
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  T* data = owned->data();
  const py::capsule base(owned.get(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
  owned.release();
  return py::array_t<T>(std::move(shape), data, base);
}

template <class T>
py::array_t<T> to_array(std::vector<T>&& values) {
  const auto size = static_cast<py::ssize_t>(values.size());
  return to_array(std::move(values), std::vector<py::ssize_t>{size});
}

}  // namespace taut::bindings
