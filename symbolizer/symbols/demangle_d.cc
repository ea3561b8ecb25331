// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/demangle_d.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>

// libiberty's, which makes the whole text at once: a name of a hundred bytes can mean gigabytes of
// it, and years. So the build gives its object these functions in the place of malloc and memcpy:
// whoever takes or copies too much is left.
// NOLINTBEGIN(readability-identifier-naming): theirs
extern "C" {
char* sonde_dlang_demangle(const char* mangled, int options);
void* sonde_d_take(size_t size);
void* sonde_d_grow(void* block, size_t size);
void sonde_d_give_back(void* block);
void* sonde_d_copy(void* to, const void* from, size_t size);
}
// NOLINTEND(readability-identifier-naming)

namespace sonde {
namespace {

constexpr size_t kAlign = alignof(std::max_align_t);
constexpr size_t kMaxBlock = size_t{16} * 1024;  // it doubles the room of a text that grows
constexpr uint32_t kMaxWork = 128 * 1024;        // bytes copied, and copies

// All that one name takes; what is given back is not used again.
struct Room {
  alignas(kAlign) std::array<char, size_t{128} * 1024> bytes;
  size_t used;
  uint32_t work;
  jmp_buf enough;
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): they are told of nothing else
thread_local Room* room_of_name = nullptr;

// It is C, and owns nothing but its stack and what is taken here.
[[noreturn]] void leave() {
  longjmp(room_of_name->enough, 1);  // NOLINT(cert-err52-cpp,modernize-avoid-setjmp-longjmp)
}

// A block's size stands before it.
size_t& size_of(void* block) {
  return *reinterpret_cast<size_t*>(static_cast<char*>(block) - kAlign);
}

void* take(size_t size) {
  Room& room = *room_of_name;
  const size_t whole = kAlign + (size + kAlign - 1) / kAlign * kAlign;
  if (size > kMaxBlock || whole > room.bytes.size() - room.used) {
    leave();
  }
  char* const block = room.bytes.data() + room.used + kAlign;
  room.used += whole;
  size_of(block) = size;
  return block;
}

bool read(const char* name, Room& room, const char*& text) {
  room.used = 0;
  room.work = 0;
  room_of_name = &room;
  if (setjmp(room.enough) != 0) {  // NOLINT(cert-err52-cpp,modernize-avoid-setjmp-longjmp)
    return false;
  }
  text = sonde_dlang_demangle(name, 0);
  return text != nullptr;
}

}  // namespace

std::string demangle_d(const std::string& name) {
  Room room;  // NOLINT(cppcoreguidelines-pro-type-member-init): the bytes are whoever takes them
  const char* text = nullptr;
  std::string out = read(name.c_str(), room, text) ? text : "";
  room_of_name = nullptr;
  return out;
}

}  // namespace sonde

void* sonde_d_take(size_t size) { return sonde::take(size); }

void* sonde_d_grow(void* block, size_t size) {
  void* const larger = sonde::take(size);
  if (block != nullptr) {
    std::memcpy(larger, block, std::min(size, sonde::size_of(block)));
  }
  return larger;
}

void sonde_d_give_back(void* /*block*/) {}

void* sonde_d_copy(void* to, const void* from, size_t size) {
  sonde::Room& room = *sonde::room_of_name;
  if (size >= sonde::kMaxWork - room.work) {
    sonde::leave();
  }
  room.work += static_cast<uint32_t>(size) + 1;
  return size > 0 ? std::memcpy(to, from, size) : to;
}
