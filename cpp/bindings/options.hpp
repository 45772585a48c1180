// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pybind11/pybind11.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace taut::bindings {

/// What `value` stands for, or an error with the names that are known.
template <class T>
T one_of(const std::string& value, const std::string& argument,
         std::initializer_list<std::pair<const char*, T>> known) {
  std::string names;
  for (const auto& [name, meaning] : known) {
    if (value == name) return meaning;
    names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
  }
  throw pybind11::value_error(argument + " must be one of " + names + ", got '" + value + "'.");
}

}  // namespace taut::bindings
