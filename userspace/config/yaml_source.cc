// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <map>

#include "userspace/config/naming_text.h"
#include "userspace/config/nearest.h"
#include "userspace/config/rate_text.h"
#include "userspace/config/rule_text.h"
#include "userspace/config/sources.h"
#include "userspace/config/value.h"
#include "userspace/config/yaml_tree.h"

namespace sonde {
namespace {

bool is_section(std::string_view path) {
  for (const Option& option : options()) {
    if (option.path.size() > path.size() && option.path.starts_with(path) &&
        option.path[path.size()] == '.') {
      return true;
    }
  }
  return false;
}

// What an unknown key may have meant: a slip, or the right word in the wrong section.
std::string suggestion(std::string_view path) {
  const std::string_view word = path.substr(path.rfind('.') + 1);
  std::vector<std::string_view> known;
  for (const Option& option : options()) {
    if (option.path.empty()) {
      continue;
    }
    known.push_back(option.path);
    known.push_back(option.path.substr(0, option.path.find('.')));
    const std::string_view last = option.path.substr(option.path.rfind('.') + 1);
    if (last == word || option.flag == word) {
      return fmt::format("; did you mean {}?", option.path);
    }
  }
  return did_you_mean(path, known);
}

std::string_view kind_word(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a value";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "?";
}

class Walker {
 public:
  Walker(const YamlTree& tree, std::string_view file, Config& config, Problems& problems)
      : tree_(tree), file_(file), config_(config), problems_(problems) {}

  // In the order of the document, without recursion: a frame is a map half-way through.
  void walk() {
    if (tree_.nodes.empty() || tree_.nodes[0].kind == YamlNode::Kind::kNull) {
      return;
    }
    if (tree_.nodes[0].kind != YamlNode::Kind::kMap) {
      problem(tree_.nodes[0].line, "",
              fmt::format("must be a map, not {}", kind_word(tree_.nodes[0].kind)));
      return;
    }
    struct Frame {
      const YamlNode* map;
      size_t next;
      std::string prefix;
    };
    std::vector<Frame> frames = {{&tree_.nodes[0], 0, ""}};
    while (!frames.empty()) {
      Frame& frame = frames.back();
      if (frame.next == frame.map->children.size()) {
        frames.pop_back();
        continue;
      }
      const auto [key_index, value_index] = frame.map->children[frame.next++];
      const YamlNode& key = tree_.nodes[key_index];
      const YamlNode& value = tree_.nodes[value_index];
      if (key.kind != YamlNode::Kind::kScalar) {
        problem(key.line, frame.prefix, "a key must be a word");
        continue;
      }
      const std::string path = frame.prefix + key.text;
      if (!first_of(path, key.line)) {
        continue;
      }
      if (const Option* option = option_by_path(path)) {
        set(*option, value, key.line, path);
      } else if (!is_section(path)) {
        problem(key.line, path, "unknown key" + suggestion(path));
      } else if (value.kind == YamlNode::Kind::kMap) {
        frames.push_back({&value, 0, path + "."});
      } else if (value.kind != YamlNode::Kind::kNull) {
        problem(value.line, path, fmt::format("must be a map, not {}", kind_word(value.kind)));
      }
    }
  }

 private:
  void problem(int line, std::string_view path, std::string_view what) {
    // Keys are the file's own words: made fit to be shown.
    const std::string shown = path.empty() ? "file" : quoted(path);
    problems_.add(fmt::format("{}:{}: {}", file_, line,
                              path.empty() ? shown : shown.substr(1, shown.size() - 2)),
                  what);
  }

  // The library takes a key that stands twice in one map; we do not.
  bool first_of(const std::string& path, int line) {
    const auto [place, fresh] = seen_.emplace(path, line);
    if (!fresh) {
      problem(line, path, fmt::format("given twice, first in line {}", place->second));
    }
    return fresh;
  }

  void set(const Option& option, const YamlNode& value, int key_line, std::string_view path) {
    if (!is_list(option)) {
      if (value.kind != YamlNode::Kind::kScalar) {
        problem(key_line, path,
                fmt::format("must be {}, not {}", domain_text(option), kind_word(value.kind)));
        return;
      }
      report(set_value(option, value.text, config_), value.line, path);
      return;
    }
    clear_list(option, config_);
    if (value.kind == YamlNode::Kind::kSequence) {
      for (const auto& [unused, item] : value.children) {
        append(option, tree_.nodes[item], path);
      }
    } else if (value.kind != YamlNode::Kind::kNull) {
      append(option, value, path);
    }
  }

  void append(const Option& option, const YamlNode& item, std::string_view path) {
    if (item.kind == YamlNode::Kind::kScalar) {
      report(set_value(option, item.text, config_), item.line, path);
    } else if (item.kind == YamlNode::Kind::kMap && is_rule_list(option)) {
      append_rule_map(option, item, path);
    } else {
      problem(item.line, path,
              fmt::format("must be {}; one of its items is {}", domain_text(option),
                          kind_word(item.kind)));
    }
  }

  void append_rule_map(const Option& option, const YamlNode& map, std::string_view path) {
    if (std::holds_alternative<NamingListOption>(option.kind)) {
      append_map<NamingRule>(option, map, path, set_naming_field, append_naming);
    } else if (std::holds_alternative<RateListOption>(option.kind)) {
      append_map<RateRule>(option, map, path, set_rate_field, append_rate);
    } else {
      append_map<SelectionRule>(option, map, path, set_rule_field, append_rule);
    }
  }

  template <typename Rule>
  void append_map(const Option& option, const YamlNode& map, std::string_view path,
                  std::optional<std::string> (*set_field)(std::string_view, std::string_view,
                                                          Rule&),
                  std::optional<std::string> (*append_to)(const Option&, Rule, Config&)) {
    constexpr bool kNaming = std::is_same_v<Rule, NamingRule>;
    Rule rule;
    const size_t before = problems_.count();
    const auto set = [&](std::string_view name, const YamlNode& value, int line) {
      report(set_field(name, value.text, rule), line, path);
    };
    for (const auto& [key_index, value_index] : map.children) {
      const YamlNode& key = tree_.nodes[key_index];
      const YamlNode& value = tree_.nodes[value_index];
      if (value.kind == YamlNode::Kind::kScalar) {
        set(key.text, value, key.line);
      } else if (value.kind == YamlNode::Kind::kSequence && key.text == "port") {
        for (const auto& [unused, item] : value.children) {
          set(key.text, tree_.nodes[item], tree_.nodes[item].line);
        }
      } else if (value.kind == YamlNode::Kind::kMap && kNaming && key.text == "labels") {
        for (const auto& [label, text] : value.children) {
          set("label." + tree_.nodes[label].text, tree_.nodes[text], tree_.nodes[label].line);
        }
      } else {
        problem(value.line, path,
                fmt::format("{} must be text, not {}", quoted(key.text), kind_word(value.kind)));
      }
    }
    if (problems_.count() == before) {
      report(append_to(option, std::move(rule), config_), map.line, path);
    }
  }

  void report(const std::optional<std::string>& wrong, int line, std::string_view path) {
    if (wrong) {
      problem(line, path, *wrong);
    }
  }

  const YamlTree& tree_;
  std::string_view file_;
  Config& config_;
  Problems& problems_;
  std::map<std::string, int, std::less<>> seen_;
};

}  // namespace

void apply_yaml(std::string_view text, std::string_view file, Config& config, Problems& problems) {
  const std::expected<YamlTree, YamlFault> tree = parse_yaml(text);
  if (!tree) {
    problems.add(fmt::format("{}:{}", file, tree.error().line), tree.error().what);
    return;
  }
  Walker(*tree, file, config, problems).walk();
}

}  // namespace sonde
