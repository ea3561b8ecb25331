// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbols/demangle.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <utility>

#include "symbolizer/symbols/demangle_d.h"

// The C++ run time's own demangler, by the entry that hands out text piece by piece: a name of a
// hundred bytes can mean gigabytes, and __cxa_demangle would make all of them.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): theirs
extern "C" int __gcclibcxx_demangle_callback(const char* mangled,
                                             void (*take)(const char*, size_t, void*),
                                             void* opaque);
// libiberty's, of the same family.
// NOLINTNEXTLINE(readability-identifier-naming): theirs
extern "C" int rust_demangle_callback(const char* mangled, int options,
                                      void (*take)(const char*, size_t, void*), void* opaque);

namespace sonde {
namespace {

struct Text {
  std::array<char, kMaxDemangled> bytes;
  size_t size;
  jmp_buf enough;
};

void take(const char* piece, size_t size, void* opaque) {
  auto& text = *static_cast<Text*>(opaque);
  if (size > text.bytes.size() - text.size) {
    // The demanglers are C and have no other way to stop. They own nothing at this point but their
    // stack; Rust's may own the letters of one name of other alphabets, which are then lost.
    longjmp(text.enough, 1);  // NOLINT(cert-err52-cpp,modernize-avoid-setjmp-longjmp)
  }
  std::copy_n(piece, size, text.bytes.data() + text.size);  // of nothing piece may be null
  text.size += size;
}

enum class Scheme { kCxx, kRust };

bool demangle_by(Scheme scheme, const char* name, Text& text) {
  text.size = 0;
  if (setjmp(text.enough) != 0) {  // NOLINT(cert-err52-cpp,modernize-avoid-setjmp-longjmp)
    return false;
  }
  return scheme == Scheme::kRust ? rust_demangle_callback(name, 0, take, &text) == 1
                                 : __gcclibcxx_demangle_callback(name, take, &text) == 0;
}

// Rust's older names end in "::h" and 16 digits, a hash of the crate.
bool has_rust_hash(std::string_view text) {
  constexpr size_t kHash = 19;
  if (text.size() <= kHash) {
    return false;
  }
  text.remove_prefix(text.size() - kHash);
  return text.starts_with("::h") &&
         text.substr(3).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string without_rust_escapes(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"$SP$", "@"},  {"$BP$", "*"},  {"$RF$", "&"},  {"$LT$", "<"},  {"$GT$", ">"},
      {"$LP$", "("},  {"$RP$", ")"},  {"$C$", ","},   {"$u20$", " "}, {"$u27$", "'"},
      {"$u5b$", "["}, {"$u5d$", "]"}, {"$u7b$", "{"}, {"$u7d$", "}"}, {"$u7e$", "~"},
      {"..", "::"},   {"::_$", "::$"}};
  std::string out;
  if (text.starts_with("_$")) {
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const auto* const escape = std::ranges::find_if(
        kEscapes, [text](const auto& pair) { return text.starts_with(pair.first); });
    if (escape == std::end(kEscapes)) {
      out += text[0];
      text.remove_prefix(1);
    } else if (escape->first == "::_$") {
      out += "::";
      text.remove_prefix(3);  // the $ begins an escape
    } else {
      out += escape->second;
      text.remove_prefix(escape->first.size());
    }
  }
  return out;
}

// LLVM names anew what several of its units share: "NAME.llvm.", a number.
std::string_view without_llvm_number(std::string_view name) {
  constexpr std::string_view kMark = ".llvm.";
  const size_t mark = name.rfind(kMark);
  const bool is_number =
      mark != std::string_view::npos &&
      name.find_first_not_of("0123456789ABCDEF", mark + kMark.size()) == std::string_view::npos;
  return is_number ? name.substr(0, mark) : name;
}

enum class Language { kNeither, kCxx, kRust };

Language demangle_into(std::string& to, std::string_view name) {
  const Scheme scheme = name.starts_with("_R") ? Scheme::kRust : Scheme::kCxx;
  if ((scheme == Scheme::kCxx && !name.starts_with("_Z")) || name.size() > kMaxMangled ||
      name.contains('\0')) {
    return Language::kNeither;
  }
  Text text;
  if (!demangle_by(scheme, std::string(name).c_str(), text) || text.size == 0) {
    return Language::kNeither;
  }
  std::string_view read(text.bytes.data(), text.size);
  if (scheme == Scheme::kCxx && has_rust_hash(read)) {
    read.remove_suffix(19);
    to = without_rust_escapes(read);
    return Language::kRust;
  }
  to = read;
  return scheme == Scheme::kRust ? Language::kRust : Language::kCxx;
}

std::string demangle_plain(std::string_view name) {
  std::string text(name);
  if (name.starts_with("_D") && name.size() <= kMaxMangled && !name.contains('\0')) {
    std::string read = demangle_d(text);
    return read.empty() || read.size() > kMaxDemangled ? text : read;
  }
  // The number is no part of Rust's names; C++'s demangler tells it behind them.
  const std::string_view shared = without_llvm_number(name);
  if (shared.size() == name.size() || demangle_into(text, shared) != Language::kRust) {
    text = name;
    demangle_into(text, name);
  }
  return text;
}

}  // namespace

std::string demangle(std::string_view name) {
  constexpr std::string_view kStub = "@plt";
  if (name.ends_with(kStub)) {
    return demangle_plain(name.substr(0, name.size() - kStub.size())) + std::string(kStub);
  }
  return demangle_plain(name);
}

}  // namespace sonde
