// SPDX-License-Identifier: Apache-2.0
#include "exporters/pprof/decode.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "exporters/gunzip.h"
#include "exporters/pprof/profile.pb.h"

namespace sonde::pprof {
namespace {

uint32_t as_number(std::string_view text) {
  uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Function {
  std::string_view name;
  std::string_view file;
};

std::string_view file_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.empty() ? path : name;
}

// Each step says what is wrong, or nothing. References are by numbers that the file chooses, and
// are looked up before they are followed.
class Decoder {
 public:
  explicit Decoder(const wire::Profile& in) : in_(in) {}

  Result<Profile> decode() {
    for (const auto step : {&Decoder::values, &Decoder::mappings, &Decoder::functions,
                            &Decoder::locations, &Decoder::samples}) {
      if (auto done = (this->*step)(); !done) {
        return std::unexpected(done.error());
      }
    }
    if (name_bytes_ > kMaxNameBytes) {
      return fail("its names are too long");
    }
    out_.start_wall_ns = not_negative(in_.time_nanos());
    out_.duration_ns = not_negative(in_.duration_nanos());
    return std::move(out_);
  }

 private:
  static uint64_t not_negative(int64_t value) {
    return value < 0 ? 0 : static_cast<uint64_t>(value);
  }

  // Empty for a place that is not there: a name more or less does no harm.
  std::string_view text(int64_t place) const {
    return place >= 0 && place < in_.string_table_size()
               ? std::string_view(in_.string_table(static_cast<int>(place)))
               : std::string_view();
  }

  // A copy, which is counted: one long text can be named by all. Beyond the cap it is empty.
  std::string copied(std::string_view text) {
    name_bytes_ += text.size();
    return std::string(name_bytes_ > kMaxNameBytes ? std::string_view() : text);
  }

  // Which of each sample's values counts, and what it stands for. Counts, if there are some and it
  // is known how long one is; else times. Where both are told, times say what each stands for:
  // samples of one profile need not be of one period.
  Result<> values() {
    std::optional<int> count;
    std::optional<int> time;
    for (int i = 0; i < in_.sample_type_size(); ++i) {
      const std::string_view type = text(in_.sample_type(i).type());
      const std::string_view unit = text(in_.sample_type(i).unit());
      if (unit == "nanoseconds" && type == "cpu") {
        time = i;
      } else if (unit == "count" && type == "samples") {
        count = i;
      }
    }
    if (!time && !(count && text(in_.period_type().type()) == "cpu")) {
      return fail("it is no profile of CPU time");
    }
    const bool counted =
        count && in_.period() > 0 && text(in_.period_type().unit()) == "nanoseconds";
    if (!counted && !time) {
      return fail("it does not say how long a sample is");
    }
    value_ = counted ? *count : *time;
    out_.period_ns = counted ? static_cast<uint64_t>(in_.period()) : 1;
    time_ = counted ? time : std::nullopt;
    return {};
  }

  Result<> mappings() {
    out_.modules.push_back({.path = "[unknown]", .build_id = {}, .in_kernel = false});
    for (const wire::Mapping& mapping : in_.mapping()) {
      const std::string_view path = text(mapping.filename());
      if (mapping.id() == 0 || !modules_.try_emplace(mapping.id(), out_.modules.size()).second) {
        return fail("two mappings have one number");
      }
      out_.modules.push_back({.path = copied(path),
                              .build_id = copied(text(mapping.build_id())),
                              .in_kernel = path.starts_with("[kernel")});
    }
    return {};
  }

  Result<> functions() {
    for (const wire::Function& function : in_.function()) {
      const std::string_view name = text(function.name());
      if (function.id() == 0 ||
          !functions_
               .try_emplace(function.id(),
                            Function{.name = name.empty() ? text(function.system_name()) : name,
                                     .file = text(function.filename())})
               .second) {
        return fail("two functions have one number");
      }
    }
    return {};
  }

  // The last line of a place is the function that its code belongs to, those before it are inlined.
  Result<> locations() {
    for (const wire::Location& location : in_.location()) {
      const auto module = modules_.find(location.mapping_id());
      if (module == modules_.end() && location.mapping_id() != 0) {
        return fail("a location's mapping is not there");
      }
      if (static_cast<size_t>(location.line_size()) > kMaxInlined ||
          out_.frames.size() >= kMaxFrames) {
        return fail("it has too many places, or one of too many functions");
      }
      const auto number = static_cast<uint32_t>(out_.frames.size());
      if (location.id() == 0 || !locations_.try_emplace(location.id(), number).second) {
        return fail("two locations have one number");
      }
      if (!frame(location, module == modules_.end() ? 0 : module->second)) {
        return fail("a location's function is not there");
      }
    }
    return {};
  }

  // False: a function is not there.
  bool frame(const wire::Location& location, uint32_t module) {
    ProfileFrame& out = out_.frames.emplace_back();
    out.module = module;
    out.offset = location.address();
    const std::string& path = out_.modules[module].path;
    const std::string_view nameless = path.empty() ? "[unknown]" : file_of(path);
    for (const wire::Line& line : location.line()) {
      const auto function = functions_.find(line.function_id());
      if (function == functions_.end()) {
        return false;
      }
      const std::string_view name = function->second.name;
      out.inlined.push_back({.function = copied(name.empty() ? nameless : name),
                             .file = copied(function->second.file),
                             .line = line_number(line.line())});
    }
    if (out.inlined.empty()) {
      out.function = copied(nameless);
    } else {
      InlinedFunction& outer = out.inlined.back();
      out.function = std::move(outer.function);
      out.file = std::move(outer.file);
      out.line = outer.line;
      out.inlined.pop_back();
    }
    return true;
  }

  static uint32_t line_number(int64_t line) {
    return line < 0 || line > UINT32_MAX ? 0 : static_cast<uint32_t>(line);
  }

  Result<> samples() {
    size_t all = 0;
    for (const wire::Sample& sample : in_.sample()) {
      if (sample.value_size() <= value_ || sample.value(value_) < 0) {
        return fail(sample.value_size() <= value_ ? "a sample has no value"
                                                  : "it is a difference already");
      }
      ProfileStack stack;
      size_t depth = 0;  // functions, with those that are inlined
      for (const uint64_t id : sample.location_id()) {
        const auto found = locations_.find(id);
        if (found == locations_.end()) {
          return fail("a sample's location is not there");
        }
        stack.frames.push_back(found->second);
        depth += 1 + out_.frames[found->second].inlined.size();
        if (depth > kMaxStackFrames || all + depth > kMaxAllFrames) {
          return fail("its stacks are too deep");
        }
      }
      all += depth;
      stack.owner = owner_of(sample);
      stack.samples = static_cast<uint64_t>(sample.value(value_));
      stack.periods = periods_of(sample, stack.samples);
      if (__builtin_add_overflow(total_, std::max(stack.samples, stack.periods), &total_) ||
          __builtin_mul_overflow(total_, out_.period_ns, &nanoseconds_)) {
        return fail("it is of more time than there is");
      }
      out_.stacks.push_back(std::move(stack));
    }
    return {};
  }

  // REQUIRES: it has its value.
  uint64_t periods_of(const wire::Sample& sample, uint64_t samples) const {
    if (!time_ || sample.value_size() <= *time_ || sample.value(*time_) < 0) {
      return samples;
    }
    const auto time = static_cast<uint64_t>(sample.value(*time_));
    return time / out_.period_ns + (time % out_.period_ns > out_.period_ns / 2 ? 1 : 0);
  }

  uint32_t owner_of(const wire::Sample& sample) {
    ProfileOwner owner;
    for (const wire::Label& label : sample.label()) {
      const std::string_view key = text(label.key());
      const std::string_view value = text(label.str());
      if (key == "service") {
        owner.service = copied(value);
      } else if (key == "container") {
        owner.container = copied(value);
      } else if (key == "comm") {
        owner.thread_name = copied(value);
      } else if (key == "pid") {
        owner.pid = as_number(value);
      } else if (key == "thread") {
        owner.thread = as_number(value);
      }
    }
    if (owner.service.empty()) {
      const std::string& program = out_.modules[out_.modules.size() > 1 ? 1 : 0].path;
      owner.service = copied(program.empty() ? "[unknown]" : file_of(program));
    }
    const auto [at, fresh] = owners_.try_emplace(
        std::tuple(owner.service, owner.container, owner.thread_name, owner.pid, owner.thread),
        static_cast<uint32_t>(out_.owners.size()));
    if (fresh) {
      out_.owners.push_back(std::move(owner));
    }
    return at->second;
  }

  const wire::Profile& in_;
  Profile out_;
  int value_ = 0;
  std::optional<int> time_;  // beside it
  size_t name_bytes_ = 0;
  uint64_t total_ = 0;
  uint64_t nanoseconds_ = 0;
  std::unordered_map<uint64_t, uint32_t> modules_;  // by their numbers
  std::unordered_map<uint64_t, Function> functions_;
  std::unordered_map<uint64_t, uint32_t> locations_;  // their frames
  std::map<std::tuple<std::string, std::string, std::string, uint32_t, uint32_t>, uint32_t> owners_;
};

}  // namespace

Result<Profile> decode(std::string_view bytes) {
  std::string plain;
  if (is_gzip(bytes)) {
    auto unpacked = gunzip(bytes, kMaxPlainBytes);
    if (!unpacked) {
      return std::unexpected(unpacked.error());
    }
    plain = *std::move(unpacked);
    bytes = plain;
  }
  if (bytes.size() > kMaxPlainBytes) {
    return fail("it holds more than 64 MiB");
  }
  wire::Profile wire;
  if (!wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      wire.sample_type_size() == 0) {
    return fail("it is no profile of pprof's");
  }
  return Decoder(wire).decode();
}

}  // namespace sonde::pprof
