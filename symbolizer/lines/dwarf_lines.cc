// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/lines/dwarf_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <libelf.h>

#include <memory>
#include <optional>
#include <vector>

#include "symbolizer/lines/debug_image.h"
#include "symbolizer/lines/dwarf_unit.h"

namespace sonde {
namespace {

constexpr size_t kMaxUnits = 1u << 20;

// libdw keeps what it decoded until it is closed: so it is, after this much.
constexpr size_t kLinesAtOnce = 100'000;
constexpr size_t kUnitsAtOnce = 100;
// Pages of the image are given back after this much of .debug_info.
constexpr uint64_t kBytesAtOnce = 4u << 20;

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct EndDwarf {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};

// An image, open in libdw.
class OpenDwarf {
 public:
  explicit OpenDwarf(DebugImage image)
      : image_(std::move(image)), elf_(elf_memory(image_.bytes().data(), image_.bytes().size())) {}

  const DebugImage& image() const { return image_; }
  Dwarf* get() const { return dwarf_.get(); }

  // What was decoded is forgotten; pointers into the image stay.
  bool open_anew() {
    dwarf_.reset();
    image_.release();
    dwarf_.reset(elf_ == nullptr ? nullptr : dwarf_begin_elf(elf_.get(), DWARF_C_READ, nullptr));
    return dwarf_ != nullptr;
  }

 private:
  DebugImage image_;
  std::unique_ptr<Elf, EndElf> elf_;
  std::unique_ptr<Dwarf, EndDwarf> dwarf_;
};

Result<OpenDwarf> open_dwarf(int fd, Scratch& scratch) {
  auto image = DebugImage::open(fd, scratch);
  if (!image) {
    return std::unexpected(image.error());
  }
  return OpenDwarf(*std::move(image));
}

class Pass {
 public:
  Pass(OpenDwarf& dwarf, OpenDwarf* alternate, int out)
      : dwarf_(dwarf),
        alternate_(alternate),
        writer_(out, dwarf.image().code().front().begin, dwarf.image().line_bytes()),
        names_(writer_) {}

  Result<LinesWritten> run() {
    if (!open_anew()) {
      return fail("libdw does not read it");
    }
    Dwarf_Off at = 0;
    for (size_t units = 0; units < kMaxUnits; ++units) {
      Dwarf_Off next = 0;
      size_t header = 0;
      if (dwarf_next_unit(dwarf_.get(), at, &next, &header, nullptr, nullptr, nullptr, nullptr,
                          nullptr, nullptr) != 0 ||
          next <= at) {
        break;
      }
      Dwarf_Die die;
      const Dwarf_Off entry = at + header;
      if (dwarf_offdie(dwarf_.get(), entry, &die) != nullptr &&
          dwarf_tag(&die) == DW_TAG_compile_unit) {
        read(die);
      }
      bytes_ += next - at;
      at = next;
      if (bytes_ > kBytesAtOnce) {
        dwarf_.image().release();
        passed_.push_back(entry);
        bytes_ = 0;
      }
      if (is_much() && !open_anew()) {
        return fail("libdw does not read it again");
      }
    }
    auto written = writer_.finish();
    if (written) {
      written->left_out += left_out_;
    }
    return written;
  }

 private:
  void read(const Dwarf_Die& die) {
    DwarfUnit unit(die, dwarf_.image().code(), claimed_, writer_, names_);
    unit.read();
    left_out_ += unit.left_out();
    lines_ += unit.lines_read();
    ++units_;
  }

  bool is_much() const { return lines_ > kLinesAtOnce || units_ > kUnitsAtOnce; }

  bool open_anew() {
    lines_ = units_ = 0;
    if (!dwarf_.open_anew()) {
      return false;
    }
    if (alternate_ != nullptr && alternate_->open_anew()) {
      dwarf_setalt(dwarf_.get(), alternate_->get());
    }
    // libdw looks at all units up to the one that it is asked for: a step at a time.
    for (const Dwarf_Off entry : passed_) {
      Dwarf_Die die;
      (void)dwarf_offdie(dwarf_.get(), entry, &die);
      dwarf_.image().release();
    }
    return true;
  }

  OpenDwarf& dwarf_;
  OpenDwarf* const alternate_;
  LineTableWriter writer_;
  FunctionNames names_;
  ClaimedCode claimed_;
  size_t lines_ = 0;
  size_t units_ = 0;
  uint64_t bytes_ = 0;
  std::vector<Dwarf_Off> passed_;  // an entry of each step
  uint64_t left_out_ = 0;
};

}  // namespace

Result<LinesWritten> write_lines(int elf, int alternate, int out) {
  elf_version(EV_CURRENT);
  Scratch scratch{.fd = out, .at = kScratchAt};
  auto dwarf = open_dwarf(elf, scratch);
  if (!dwarf) {
    return std::unexpected(dwarf.error());
  }
  if (dwarf->image().code().empty()) {
    return fail("neither a program nor a shared object");
  }
  std::optional<OpenDwarf> other;
  if (alternate >= 0) {
    auto opened = open_dwarf(alternate, scratch);
    if (opened) {
      other.emplace(*std::move(opened));
    }
  }
  return Pass(*dwarf, other ? &*other : nullptr, out).run();
}

}  // namespace sonde
