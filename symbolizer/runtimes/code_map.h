// SPDX-License-Identifier: Apache-2.0
// CodeMap: which name stands at which address of a process whose code is made while it runs. What
// is defined last holds: it takes the place of whatever it overlaps. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sonde {

class CodeMap {
 public:
  static constexpr size_t kMaxCodes = size_t{512} * 1024;
  static constexpr size_t kMaxNameBytes = 64u << 20;
  static constexpr size_t kMaxName = 4096;  // the rest of a name is cut

  struct Found {
    std::string_view name;  // until the next change of the map
    uint64_t start;
  };

  // False, and counted: the range is none, or the map is full.
  bool define(uint64_t start, uint64_t size, std::string_view name);

  // The code that begins at `from` goes on at `to`. False: there is none, or `to` is no place.
  bool move(uint64_t from, uint64_t to);

  std::optional<Found> find(uint64_t address) const;

  void clear();
  size_t size() const { return codes_.size(); }
  uint64_t refused() const { return refused_; }

 private:
  struct Code {
    uint64_t end;
    uint32_t name;  // where it begins in names_
    uint32_t name_size;
  };
  using Codes = std::map<uint64_t, Code>;  // by start; no two overlap

  void make_room(uint64_t start, uint64_t end);
  bool insert(uint64_t start, uint64_t size, uint32_t name, uint32_t name_size);
  void drop_unused_names();

  Codes codes_;
  std::string names_;
  uint64_t refused_ = 0;
};

}  // namespace sonde
