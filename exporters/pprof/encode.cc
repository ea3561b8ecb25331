// SPDX-License-Identifier: Apache-2.0
#include "exporters/pprof/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "exporters/gzip.h"
#include "exporters/pprof/profile.pb.h"
#include "exporters/utf8.h"

namespace sonde::pprof {
namespace {

// Strings by their place, each once.
class StringTable {
 public:
  explicit StringTable(wire::Profile& out) : out_(out) { place(""); }

  int64_t place(std::string_view text) {
    std::string clean;
    append_utf8(text, clean);
    const auto [at, fresh] = places_.try_emplace(std::move(clean), out_.string_table_size());
    if (fresh) {
      out_.add_string_table(at->first);
    }
    return at->second;
  }

 private:
  wire::Profile& out_;
  std::unordered_map<std::string, int64_t> places_;
};

// Makes one wire::Profile. Numbers of mappings, locations and functions are their places plus one:
// 0 means none.
class Encoder {
 public:
  explicit Encoder(const Profile& profile) : profile_(profile) {}

  wire::Profile encode() {
    value_type("samples", "count", *out_.add_sample_type());
    value_type("cpu", "nanoseconds", *out_.add_sample_type());
    value_type("cpu", "nanoseconds", *out_.mutable_period_type());
    out_.set_default_sample_type(strings_.place("cpu"));
    out_.set_period(static_cast<int64_t>(profile_.period_ns));
    out_.set_time_nanos(static_cast<int64_t>(profile_.start_wall_ns));
    out_.set_duration_nanos(static_cast<int64_t>(profile_.duration_ns));
    mappings();
    locations();
    for (const ProfileOwner& owner : profile_.owners) {
      labels_.push_back(labels_of(owner));
    }
    for (const ProfileStack& stack : profile_.stacks) {
      sample(stack);
    }
    return std::move(out_);
  }

 private:
  using Labels = std::vector<std::pair<int64_t, int64_t>>;

  // What some place of a mapping has.
  struct Known {
    bool files = false;
    bool lines = false;
    bool inlined = false;
    void note(const std::string& file, uint32_t line) {
      files |= !file.empty();
      lines |= line != 0;
    }
  };

  void value_type(std::string_view type, std::string_view unit, wire::ValueType& out) {
    out.set_type(strings_.place(type));
    out.set_unit(strings_.place(unit));
  }

  // Readers take the first mapping for the program itself: files stand before what is none.
  // Addresses are offsets in the file, so that a mapping that holds them all begins at 0. One that
  // says it has functions is not looked up by readers that would find other names on their own
  // machine.
  void mappings() {
    constexpr uint64_t kPage = 4096;
    std::vector<uint64_t> ends(profile_.modules.size(), 0);
    std::vector<Known> known(profile_.modules.size());
    for (const ProfileFrame& frame : profile_.frames) {
      ends[frame.module] = std::max(ends[frame.module], frame.offset / kPage + 1);
      Known& here = known[frame.module];
      here.inlined |= !frame.inlined.empty();
      here.note(frame.file, frame.line);
      for (const InlinedFunction& inlined : frame.inlined) {
        here.note(inlined.file, inlined.line);
      }
    }
    for (const bool files : {true, false}) {
      for (size_t i = 0; i < profile_.modules.size(); ++i) {
        const ProfileModule& module = profile_.modules[i];
        if (ends[i] == 0 || module.path.starts_with('[') == files) {
          continue;
        }
        wire::Mapping& out = *out_.add_mapping();
        out.set_id(i + 1);
        out.set_memory_limit(ends[i] > ~uint64_t{0} / kPage ? ~uint64_t{0} : ends[i] * kPage);
        out.set_filename(strings_.place(module.path));
        out.set_build_id(strings_.place(module.build_id));
        out.set_has_functions(true);
        out.set_has_filenames(known[i].files);
        out.set_has_line_numbers(known[i].lines);
        out.set_has_inline_frames(known[i].inlined);
      }
    }
  }

  // The lines of a location are the functions at it, the innermost first, as the format wants it.
  void locations() {
    for (size_t i = 0; i < profile_.frames.size(); ++i) {
      const ProfileFrame& frame = profile_.frames[i];
      wire::Location& out = *out_.add_location();
      out.set_id(i + 1);
      out.set_mapping_id(frame.module + 1);
      out.set_address(frame.offset);
      for (const InlinedFunction& inlined : frame.inlined) {
        line(frame.module, inlined.function, inlined.file, inlined.line, out);
      }
      line(frame.module, frame.function, frame.file, frame.line, out);
    }
  }

  void line(uint32_t module, const std::string& function, const std::string& file, uint32_t number,
            wire::Location& location) {
    const auto [known, fresh] =
        functions_.try_emplace({module, function, file}, functions_.size() + 1);
    if (fresh) {
      wire::Function& out = *out_.add_function();
      out.set_id(known->second);
      out.set_name(strings_.place(function));
      out.set_system_name(out.name());
      out.set_filename(strings_.place(file));
    }
    wire::Line& out = *location.add_line();
    out.set_function_id(known->second);
    out.set_line(number);
  }

  Labels labels_of(const ProfileOwner& owner) {
    Labels out;
    const auto add = [&](std::string_view key, std::string_view value) {
      if (!value.empty()) {
        out.emplace_back(strings_.place(key), strings_.place(value));
      }
    };
    // Texts all of them: Parca and Pyroscope know no others, and to pprof it is the same.
    add("service", owner.service);
    add("container", owner.container);
    add("comm", owner.thread_name);
    add("pid", owner.pid != 0 ? fmt::format("{}", owner.pid) : "");
    add("thread", owner.thread != 0 ? fmt::format("{}", owner.thread) : "");
    return out;
  }

  void sample(const ProfileStack& stack) {
    wire::Sample& out = *out_.add_sample();
    for (const uint32_t frame : stack.frames) {
      out.add_location_id(uint64_t{frame} + 1);
    }
    out.add_value(static_cast<int64_t>(stack.samples));
    out.add_value(static_cast<int64_t>(stack.periods * profile_.period_ns));
    for (const auto& [key, value] : labels_[stack.owner]) {
      wire::Label& label = *out.add_label();
      label.set_key(key);
      label.set_str(value);
    }
  }

  const Profile& profile_;
  wire::Profile out_;
  StringTable strings_{out_};
  // By module, name and file.
  std::map<std::tuple<uint32_t, std::string_view, std::string_view>, uint64_t> functions_;
  std::vector<Labels> labels_;  // by owner
};

}  // namespace

std::string encode_plain(const Profile& profile) {
  return Encoder(profile).encode().SerializeAsString();
}

std::string encode(const Profile& profile) {
  std::string out;
  GzipStream().add(encode_plain(profile), true, out);
  return out;
}

}  // namespace sonde::pprof
