// SPDX-License-Identifier: Apache-2.0
// GoTable: the table by which a Go program names the frames of its own stack traces (.gopclntab):
// functions, files and lines by address. The layouts of Go 1.2, 1.16, 1.18 and 1.20; the last one
// is what 1.27 still writes. Bytes out of anybody's file: every place in it is looked at when it is
// used.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "userspace/base/result.h"

namespace sonde {

class GoTable {
 public:
  static constexpr size_t kHead = 8;  // bytes by which it is known
  static constexpr size_t kMaxFunctions = 4u << 20;
  static constexpr size_t kMaxName = 4096;          // the rest of a name is cut
  static constexpr uint64_t kMaxSteps = 64u << 20;  // in all tables of values together

  struct Function {
    uint64_t begin;  // addresses
    uint64_t end;
    std::string_view name;
    uint64_t record;  // where more about it stands
  };
  struct Value {
    uint64_t from;  // this address on, to the next one's or the function's end
    int32_t value;
  };
  // A call that was inlined.
  struct Call {
    std::string_view function;
    int32_t at;  // this far from the function's begin is what its place in the source is the call's
  };

  // One of no functions.
  GoTable() = default;

  static bool is_head(std::span<const uint8_t, kHead> bytes);

  // `bytes` are borrowed. Fails unless they begin with such a table; `text`: where the program's
  // text begins, for those that do not say it (since Go 1.26).
  static Result<GoTable> over(std::span<const uint8_t> bytes, uint64_t text);

  size_t size() const { return count_; }

  // Nothing: what stands there makes no sense.
  std::optional<Function> function(size_t number) const;

  // By rising address, into `out`; -1 is none.
  void lines(const Function& function, std::vector<Value>& out);
  void files(const Function& function, std::vector<Value>& out);
  void calls(const Function& function, std::vector<Value>& out);
  // How many bytes of stack the function has taken.
  void depths(const Function& function, std::vector<Value>& out);

  std::string_view file(const Function& function, int32_t number) const;

  // Where the function's inlined calls stand, from the place where the program keeps all of them
  // (which this table does not know); nothing: there are none, or Go is older than 1.18.
  std::optional<uint32_t> call_tree(const Function& function) const;
  size_t call_size() const { return layout_ == Layout::k18 ? 20 : 16; }
  // `bytes`: call_size() of them.
  std::optional<Call> call(std::span<const uint8_t> bytes) const;

  // Where names begin, which the program says elsewhere too.
  uint64_t names() const { return names_; }

 private:
  enum class Layout : uint8_t { k2, k16, k18, k20 };
  struct Fields;

  explicit GoTable(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  static std::optional<Layout> layout_of(std::span<const uint8_t, kHead> head);
  const Fields& fields() const;
  uint64_t entry(size_t number) const;
  std::optional<uint64_t> begin_of(size_t number) const;
  std::string_view text_at(uint64_t base, uint64_t offset) const;
  void values(const Function& function, std::optional<uint32_t> table, std::vector<Value>& out);

  template <typename T>
  std::optional<T> at(uint64_t offset) const;

  std::span<const uint8_t> bytes_;
  Layout layout_ = Layout::k2;
  uint8_t quantum_ = 1;  // of addresses
  size_t count_ = 0;
  uint64_t text_ = 0;       // an address
  uint64_t names_ = 0;      // where in the table names begin,
  uint64_t units_ = 0;      // for each unit the places of its files' names,
  uint64_t paths_ = 0;      // files' names,
  uint64_t values_ = 0;     // tables of values,
  uint64_t functions_ = 0;  // functions, behind them their records
  uint64_t steps_ = 0;      // done so far
};

}  // namespace sonde
