// SPDX-License-Identifier: Apache-2.0
// What a word is: a part of the service or a value. How, routes.h says.
#include <algorithm>
#include <utility>

#include "userspace/pipeline/routes.h"

namespace sonde {
namespace {

constexpr uint32_t kRoot = 0;
// A place is judged when it has so many words; sooner where most segments are values already.
constexpr size_t kJudgedAt = 24;
constexpr size_t kJudgedBesideValuesAt = 10;
// In parts of ten: of so many single words the place takes values, of so few it is calm again.
constexpr size_t kMostSingle = 6;
constexpr size_t kFewSingle = 3;
// A place with more words than this that come again takes values nevertheless.
constexpr size_t kMaxCalmWords = 64;
// A word so frequent stays when its place begins to take values.
constexpr uint32_t kFrequent = 24;
// Hits from which a word's behaviour is no chance; and a share of all, one part in so many, that no
// value has.
constexpr uint32_t kOutstanding = 48;
constexpr uint32_t kOutstandingShare = 4;
// Words alike by where they lead make a place of values if they are so many, sharing so many words;
// or so many that share their only word.
constexpr size_t kAlike = 5;
constexpr size_t kAlikeAmongMany = 3;  // when there are many routes
constexpr size_t kManyRoutes = 40;
constexpr size_t kAlikeWords = 2;
constexpr size_t kAlikeByOneWord = 6;
constexpr size_t kMaxCollections = 32;  // names of places that are known to take values

// How many words of one place are in another.
size_t shared(const auto& words, const auto& others) {
  return static_cast<size_t>(std::ranges::count_if(words, [&](const auto& word) {
    return std::ranges::any_of(others, [&](const auto& other) { return other.text == word.text; });
  }));
}

// Files are many wherever there is one.
bool is_file(std::string_view word) {
  const size_t dot = word.rfind('.');
  return dot != std::string_view::npos && dot > 0 && word.size() - dot <= 5;
}

}  // namespace

// Is the word to stand in the route as it is?
bool RouteLearner::take(uint32_t at, size_t place) {
  Node& node = nodes_[at];
  Word& word = node.words[place];
  if (!word.taken) {
    if (node.takes_values) {
      word.taken = stands_out(node, word);
    } else if (node.words.size() <= kFirstWords && first_words_ < kFirstWordsInAll) {
      word.taken = true;
      ++first_words_;
    } else {
      word.taken =
          word.hits >= 2 && (size_t{node.single} * 2 < node.words.size() || node.words.size() <= 4);
    }
  }
  return word.taken;
}

bool RouteLearner::stands_out(const Node& node, const Word& word) const {
  if (word.hits < kOutstanding) {
    return false;
  }
  const bool always_ends = word.ends == word.hits && !is_file(word.text) &&
                           node.wild_ends * 5ull <= node.wild_hits * 4ull;
  const bool much = !node.for_good && uint64_t{word.hits} * kOutstandingShare >= node.hits;
  return always_ends || much || leads_elsewhere(node, word);
}

// To values where others lead to words, or to a few words none of which the others lead to.
bool RouteLearner::leads_elsewhere(const Node& node, const Word& word) const {
  const uint32_t led = word.hits - word.ends;
  if (led < kOutstanding / 2 || node.wildcard == 0) {
    return false;
  }
  const Node& others = nodes_[node.wildcard];
  if (word.to_values * 10ull >= led * 9ull) {
    return others.hits > others.value_hits;
  }
  const auto known = [&](const std::string& text) {
    return std::ranges::any_of(others.words, [&](const Word& other) {
      return other.text == text && (other.taken || other.hits > word.hits);
    });
  };
  return !word.leads_on && word.to_values == 0 && std::ranges::none_of(word.to_words, known);
}

void RouteLearner::judge(uint32_t at) {
  Node& node = nodes_[at];
  const size_t words = node.words.size();
  if (!node.takes_values) {
    const size_t judged_at = node.value_hits > node.hits ? kJudgedBesideValuesAt : kJudgedAt;
    if (words >= judged_at && size_t{node.single} * 10 >= words * kMostSingle) {
      take_values(at);
    }
  } else if (!node.for_good && words <= kMaxCalmWords && node.hits >= 3 * words &&
             size_t{node.single} * 10 <= words * kFewSingle) {
    node.takes_values = false;
    ++changes_;
  }
}

// What is known below its words goes with them: below the wildcard it is soon learned anew.
void RouteLearner::take_values(uint32_t at) {
  ++changes_;
  nodes_[at].takes_values = true;
  nodes_[at].hits = 0;
  for (Word& word : nodes_[at].words) {
    nodes_[at].hits += word.hits;
    if (word.taken && word.hits < kFrequent) {
      word.taken = false;
      drop(std::exchange(word.node, 0));
    }
  }
}

// Called when the place `at` has a new word. If the words of the place above all lead on to the
// same words, they are values.
void RouteLearner::compare_with_siblings(uint32_t at) {
  const uint32_t above = nodes_[at].parent;
  if (at == kRoot || above == kRoot || nodes_[above].wildcard == at || nodes_[above].for_good ||
      nodes_[at].value_hits != 0) {
    return;
  }
  const auto& own = nodes_[at].words;
  size_t alike = 0;
  size_t by_one = 0;
  for (const Word& sibling : nodes_[above].words) {
    if (sibling.node == 0 || nodes_[sibling.node].value_hits != 0) {
      continue;
    }
    const auto& theirs = nodes_[sibling.node].words;
    const size_t common = shared(own, theirs);
    if (common >= kAlikeWords && common * 2 >= std::max(own.size(), theirs.size())) {
      ++alike;
    }
    by_one += common == 1 && own.size() == 1 && theirs.size() == 1 ? 1 : 0;
  }
  if (alike < (routes() > kManyRoutes ? kAlikeAmongMany : kAlike) && by_one < kAlikeByOneWord) {
    return;
  }
  // What leads to none of these words, and often, is something else beside the values.
  values_below(above, [&](const Word& word) {
    return word.node == 0 || word.hits < kFrequent || shared(nodes_[word.node].words, own) > 0;
  });
  // What is called the same leads to the same kind of values: namespaces of one kind of object, of
  // another.
  const uint32_t over = nodes_[above].parent;
  const auto named = std::ranges::find(nodes_[over].words, above, &Word::node);
  if (named == nodes_[over].words.end() || collections_.size() == kMaxCollections) {
    return;
  }
  collections_.push_back(named->text);
  const std::string collection = named->text;
  for (const Node& node : nodes_) {
    for (const Word& word : node.words) {
      if (word.text == collection && word.node != 0 && word.node != above) {
        values_below(word.node, [](const Word&) { return true; });
      }
    }
  }
}

// The place takes values for good, those of its words among them that are meant. They are dropped
// with the next path: this one may be on its way through them.
void RouteLearner::values_below(uint32_t at, const auto& meant) {
  ++changes_;
  nodes_[at].takes_values = nodes_[at].for_good = true;
  for (Word& word : nodes_[at].words) {
    if (meant(word)) {
      word.taken = false;
      word.hits = 1 + word.hits % 2;
      word.ends = 0;
      if (word.node != 0) {
        to_drop_.push_back(std::exchange(word.node, 0));
      }
    }
  }
  nodes_[at].single =
      static_cast<uint32_t>(std::ranges::count(nodes_[at].words, uint32_t{1}, &Word::hits));
}

}  // namespace sonde
