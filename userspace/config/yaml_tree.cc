// SPDX-License-Identifier: Apache-2.0
#include "userspace/config/yaml_tree.h"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <istream>
#include <optional>
#include <streambuf>

namespace sonde {
namespace {

// The library's way to be stopped half-way; caught in parse_yaml.
struct Stop : std::exception {
  Stop(int at, std::string because) : line(at), what_stopped(std::move(because)) {}
  int line;
  std::string what_stopped;
};

int line_of(const YAML::Mark& mark) { return mark.line + 1; }

// Builds the tree from the parser's events. The library's own tree would unfold aliases and check
// no bounds.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(YamlTree& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Stop(line_of(mark), "a second document: one file holds one");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    add(YamlNode::Kind::kNull, mark, {});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    throw Stop(line_of(mark), "aliases (*name) are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    add(YamlNode::Kind::kScalar, mark, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    open(YamlNode::Kind::kSequence, mark);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(YamlNode::Kind::kMap, mark);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    uint32_t node;
    std::optional<uint32_t> key;  // of a map, its value still to come
  };

  uint32_t add(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& text) {
    if (tree_.nodes.size() == kMaxYamlNodes) {
      throw Stop(line_of(mark), fmt::format("more than {} values", kMaxYamlNodes));
    }
    const auto index = static_cast<uint32_t>(tree_.nodes.size());
    tree_.nodes.push_back({.kind = kind, .line = line_of(mark), .text = text, .children = {}});
    if (!open_.empty()) {
      Open& parent = open_.back();
      YamlNode& node = tree_.nodes[parent.node];
      if (node.kind == YamlNode::Kind::kSequence) {
        node.children.emplace_back(index, index);
      } else if (!parent.key) {
        parent.key = index;
      } else {
        node.children.emplace_back(*parent.key, index);
        parent.key.reset();
      }
    }
    return index;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (open_.size() == kMaxYamlDepth) {
      throw Stop(line_of(mark), fmt::format("nested more than {} deep", kMaxYamlDepth));
    }
    const uint32_t index = add(kind, mark, {});
    open_.push_back({.node = index, .key = std::nullopt});
  }

  YamlTree& tree_;
  std::vector<Open> open_;
  int documents_ = 0;
};

// A stream over borrowed text.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // NOLINT: streambuf's interface; it is only read
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace

std::expected<YamlTree, YamlFault> parse_yaml(std::string_view text) {
  if (text.size() > kMaxYamlBytes) {
    return std::unexpected(YamlFault{1, fmt::format("larger than {} KiB", kMaxYamlBytes >> 10)});
  }
  try {
    TextBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    YamlTree tree;
    Builder builder(tree);
    while (parser.HandleNextDocument(builder)) {
    }
    return tree;
  } catch (const Stop& stop) {
    return std::unexpected(YamlFault{stop.line, stop.what_stopped});
  } catch (const YAML::Exception& exception) {
    return std::unexpected(YamlFault{line_of(exception.mark), "not YAML: " + exception.msg});
  } catch (const std::exception& exception) {
    return std::unexpected(YamlFault{1, fmt::format("not YAML: {}", exception.what())});
  }
}

}  // namespace sonde
