// SPDX-License-Identifier: Apache-2.0
#include "exporters/otlp/profiles.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/otlp/profiles.pb.h"
#include "exporters/utf8.h"

namespace sonde::otlp {
namespace {

std::string clean(std::string_view text) {
  std::string out;
  append_utf8(text, out);
  return out;
}

// Makes one request. Every table begins with an entry that stands for none, and holds nothing twice
// and nothing that nobody refers to.
class Encoder {
 public:
  explicit Encoder(const Profile& profile)
      : profile_(profile), tables_(*out_.mutable_dictionary()) {
    tables_.add_mapping_table();
    tables_.add_location_table();
    tables_.add_function_table();
    tables_.add_stack_table();
    tables_.add_attribute_table();
    tables_.add_link_table();
    text("");
  }

  std::string encode() {
    locations_.resize(profile_.frames.size(), 0);
    mappings_.resize(profile_.modules.size(), 0);
    attributes_.resize(profile_.owners.size());
    for (const ProfileStack& stack : profile_.stacks) {
      sample(stack);
    }
    return out_.SerializeAsString();
  }

 private:
  int32_t text(std::string_view value) {
    const auto [at, fresh] = texts_.try_emplace(clean(value), tables_.string_table_size());
    if (fresh) {
      tables_.add_string_table(at->first);
    }
    return at->second;
  }

  void value_type(std::string_view type, std::string_view unit, wire::ValueType& out) {
    out.set_type_strindex(text(type));
    out.set_unit_strindex(text(unit));
  }

  int32_t attribute(std::string_view key, std::string_view value) {
    const auto [at, fresh] = text_attributes_.try_emplace({std::string(key), std::string(value)},
                                                          tables_.attribute_table_size());
    if (fresh) {
      wire::KeyValueAndUnit& out = *tables_.add_attribute_table();
      out.set_key_strindex(text(key));
      out.mutable_value()->set_string_value(clean(value));
    }
    return at->second;
  }
  int32_t attribute(std::string_view key, int64_t value) {
    const auto [at, fresh] =
        number_attributes_.try_emplace({std::string(key), value}, tables_.attribute_table_size());
    if (fresh) {
      wire::KeyValueAndUnit& out = *tables_.add_attribute_table();
      out.set_key_strindex(text(key));
      out.mutable_value()->set_int_value(value);
    }
    return at->second;
  }

  // Addresses are offsets in the file, so that a mapping that holds them all begins at 0.
  int32_t mapping(uint32_t module) {
    if (mappings_[module] == 0) {
      const ProfileModule& in = profile_.modules[module];
      mappings_[module] = tables_.mapping_table_size();
      wire::Mapping& out = *tables_.add_mapping_table();
      out.set_memory_limit(~uint64_t{0});
      out.set_filename_strindex(text(in.path));
      if (!in.build_id.empty()) {
        out.add_attribute_indices(attribute("process.executable.build_id.gnu", in.build_id));
      }
    }
    return mappings_[module];
  }

  int32_t function(const std::string& name, const std::string& file) {
    const auto [at, fresh] = functions_.try_emplace({name, file}, tables_.function_table_size());
    if (fresh) {
      wire::Function& out = *tables_.add_function_table();
      out.set_name_strindex(text(name));
      out.set_filename_strindex(text(file));
    }
    return at->second;
  }

  void line(const std::string& name, const std::string& file, uint32_t number,
            wire::Location& location) {
    wire::Line& out = *location.add_lines();
    out.set_function_index(function(name, file));
    out.set_line(number);
  }

  int32_t location(uint32_t frame) {
    if (locations_[frame] == 0) {
      const ProfileFrame& in = profile_.frames[frame];
      const ProfileModule& module = profile_.modules[in.module];
      wire::Location made;
      made.set_mapping_index(mapping(in.module));
      made.set_address(in.offset);
      // The caller of each stands behind it.
      for (const InlinedFunction& inlined : in.inlined) {
        line(inlined.function, inlined.file, inlined.line, made);
      }
      line(in.function, in.file, in.line, made);
      if (module.in_kernel || !module.path.starts_with('[')) {
        made.add_attribute_indices(
            attribute("profile.frame.type", module.in_kernel ? "kernel" : "native"));
      }
      const auto [at, fresh] =
          known_locations_.try_emplace(made.SerializeAsString(), tables_.location_table_size());
      if (fresh) {
        *tables_.add_location_table() = std::move(made);
      }
      locations_[frame] = at->second;
    }
    return locations_[frame];
  }

  int32_t stack_of(const ProfileStack& stack) {
    std::vector<int32_t> places;
    places.reserve(stack.frames.size());
    for (const uint32_t frame : stack.frames) {
      places.push_back(location(frame));
    }
    if (places.empty()) {
      return 0;
    }
    const auto [at, fresh] = stacks_.try_emplace(std::move(places), tables_.stack_table_size());
    if (fresh) {
      tables_.add_stack_table()->mutable_location_indices()->Add(at->first.begin(),
                                                                 at->first.end());
    }
    return at->second;
  }

  wire::Profile& profile_of(const ProfileOwner& owner) {
    const auto [at, fresh] = resources_.try_emplace({owner.service, owner.container}, nullptr);
    if (fresh) {
      wire::ResourceProfiles& made = *out_.add_resource_profiles();
      const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) {
          wire::KeyValue& out = *made.mutable_resource()->add_attributes();
          out.set_key(key);
          out.mutable_value()->set_string_value(clean(value));
        }
      };
      add("service.name", owner.service);
      add("container.name", owner.container);
      wire::ScopeProfiles& scope = *made.add_scope_profiles();
      scope.mutable_scope()->set_name("sonde");
      wire::Profile& out = *scope.add_profiles();
      value_type("samples", "count", *out.mutable_sample_type());
      value_type("cpu", "nanoseconds", *out.mutable_period_type());
      out.set_period(static_cast<int64_t>(profile_.period_ns));
      out.set_time_unix_nano(profile_.start_wall_ns);
      out.set_duration_nano(profile_.duration_ns);
      at->second = &out;  // the library keeps messages where they are
    }
    return *at->second;
  }

  const std::vector<int32_t>& attributes_of(uint32_t number) {
    std::vector<int32_t>& out = attributes_[number];
    const ProfileOwner& owner = profile_.owners[number];
    if (out.empty()) {
      if (owner.pid != 0) {
        out.push_back(attribute("process.pid", int64_t{owner.pid}));
      }
      if (owner.thread != 0) {
        out.push_back(attribute("thread.id", int64_t{owner.thread}));
      }
      if (!owner.thread_name.empty()) {
        out.push_back(attribute("thread.name", owner.thread_name));
      }
    }
    return out;
  }

  void sample(const ProfileStack& stack) {
    const int32_t place = stack_of(stack);
    wire::Sample*& known = samples_[{stack.owner, place}];
    if (known != nullptr) {
      known->set_values(0, known->values(0) + static_cast<int64_t>(stack.periods));
      return;
    }
    known = profile_of(profile_.owners[stack.owner]).add_samples();
    wire::Sample& out = *known;
    out.set_stack_index(place);
    const std::vector<int32_t>& attributes = attributes_of(stack.owner);
    out.mutable_attribute_indices()->Add(attributes.begin(), attributes.end());
    out.add_values(static_cast<int64_t>(stack.periods));
  }

  const Profile& profile_;
  wire::ExportProfilesServiceRequest out_;
  wire::ProfilesDictionary& tables_;
  std::map<std::string, int32_t> texts_;
  std::map<std::pair<std::string, std::string>, int32_t> text_attributes_;
  std::map<std::pair<std::string, int64_t>, int32_t> number_attributes_;
  std::map<std::pair<std::string, std::string>, int32_t> functions_;  // by name and file
  std::map<std::string, int32_t> known_locations_;                    // by their bytes
  std::map<std::vector<int32_t>, int32_t> stacks_;
  std::map<std::pair<std::string, std::string>, wire::Profile*> resources_;
  // By owner and stack: frames that differ for us may be one place here.
  std::map<std::pair<uint32_t, int32_t>, wire::Sample*> samples_;
  std::vector<int32_t> locations_;                // by frame
  std::vector<int32_t> mappings_;                 // by module
  std::vector<std::vector<int32_t>> attributes_;  // by owner
};

}  // namespace

std::string encode_profiles(const Profile& profile) { return Encoder(profile).encode(); }

}  // namespace sonde::otlp
