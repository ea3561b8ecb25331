// SPDX-License-Identifier: Apache-2.0
#include "exporters/prometheus/names.h"

#include <algorithm>
#include <span>

namespace sonde::prometheus {
namespace {

struct Unit {
  std::string_view ucum;
  std::string_view word;
};

constexpr Unit kUnits[] = {
    {"d", "days"},          {"h", "hours"},         {"min", "minutes"},    {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"}, {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"}, {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},   {"MBy", "megabytes"},   {"GBy", "gigabytes"},  {"TBy", "terabytes"},
    {"m", "meters"},        {"V", "volts"},         {"A", "amperes"},      {"J", "joules"},
    {"W", "watts"},         {"g", "grams"},         {"Cel", "celsius"},    {"Hz", "hertz"},
    {"%", "percent"},
};
constexpr Unit kPer[] = {
    {"s", "second"}, {"min", "minute"}, {"h", "hour"}, {"d", "day"}, {"m", "meter"}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Runs of what a name may not hold become one '_'.
void append_clean(std::string_view text, bool colons, std::string& out) {
  const size_t start = out.size();
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || (colons && c == ':')) {
      out += c;
    } else if (out.size() == start || out.back() != '_') {
      out += '_';
    }
  }
}

// A unit's word; what is not in the table stands for itself, cleaned.
std::string word_of(std::string_view ucum, std::span<const Unit> table) {
  if (ucum.find('{') != std::string_view::npos) {
    return {};
  }
  const auto found = std::ranges::find(table, ucum, &Unit::ucum);
  if (found != table.end()) {
    return std::string(found->word);
  }
  std::string out;
  append_clean(ucum, false, out);
  return out == "_" ? std::string() : out;
}

void remove_suffix_word(std::string& name, std::string_view word) {
  if (name.size() > word.size() + 1 && name.ends_with(word) &&
      name[name.size() - word.size() - 1] == '_') {
    name.resize(name.size() - word.size() - 1);
  }
}

}  // namespace

std::string unit_word(std::string_view ucum) {
  if (ucum.empty() || ucum == "1") {
    return {};
  }
  const size_t slash = ucum.find('/');
  std::string out = word_of(ucum.substr(0, slash), kUnits);
  if (slash == std::string_view::npos) {
    return out;
  }
  const std::string per = word_of(ucum.substr(slash + 1), kPer);
  if (per.empty()) {
    return out;
  }
  return out.empty() ? "per_" + per : out + "_per_" + per;
}

FamilyName family_name(std::string_view name, std::string_view unit, MetricKind kind) {
  FamilyName out;
  append_clean(name, true, out.base);
  if (out.base.empty() || is_digit(out.base[0])) {
    out.base.insert(out.base.begin(), '_');
  }
  if (kind == MetricKind::kInfo) {
    remove_suffix_word(out.base, "info");
    return out;
  }
  if (kind == MetricKind::kCounter) {
    remove_suffix_word(out.base, "total");
  }
  out.unit = unit == "1" && kind == MetricKind::kGauge ? "ratio" : unit_word(unit);
  if (!out.unit.empty()) {
    remove_suffix_word(out.base, out.unit);
    out.base += '_';
    out.base += out.unit;
  }
  return out;
}

std::string_view sample_suffix(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "_total";
    case MetricKind::kInfo:
      return "_info";
    case MetricKind::kHistogram:
    case MetricKind::kGauge:
      break;
  }
  return "";
}

void append_label_name(std::string_view name, std::string& out) {
  if (name.empty() || is_digit(name[0])) {
    out += "key_";
  }
  append_clean(name, false, out);
}

}  // namespace sonde::prometheus
