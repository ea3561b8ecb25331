// SPDX-License-Identifier: Apache-2.0
// Runs every tests/cases/*.case: conversations of one connection as text, and the exchanges that
// must come of them. Each runs with its calls whole, byte by byte, and cut in two at every place:
// all must tell the same.
//
//   # a comment
//   schema http                       whose exchanges the file expects
//   columns http.request.method ...   what the words behind "=" mean, in order: names of the
//   schema's attributes, and
//                                     path, request, response (body sizes; ~5: five, and not known
//                                     exactly), outcome (complete closed reset timeout), failed
//                                     (yes no)
//   case any words                    a case begins; its name
//   role client                       the watched end is the client's (else the server's)
//   midway                            the connection was open before we came
//   > bytes                           one call of the asking side; escapes \r \n \t \\ \{ \xNN,
//   {ab*3} is ababab < bytes                           one call of the answering side gap > 100 so
//   many bytes moved that nobody could read close | reset | timeout           the connection ends
//   (at the end of each case it is closed) = GET 200 / ... [name=value]      an exchange that must
//   come, in order; "-" is an absent value repeat 97                         the exchange before is
//   expected so many times more ! holes_cut=1                     counters that must not be zero;
//   all others that tell of a loss or a doubt must be
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/kernel_side.h"

namespace sonde::test {
namespace {

constexpr size_t kMaxCuts =
    300;  // of long conversations only so many places are cut at, evenly spread

struct Action {
  char kind = 0;  // > < (calls), g (gap), c r t (ends)
  char side = 0;  // of a gap
  std::string bytes;
  uint64_t length = 0;
};

struct Case {
  std::string file, name, schema;
  std::vector<std::string> columns;
  Role role = Role::kServer;
  bool midway = false;
  std::vector<Action> actions;
  std::vector<std::vector<std::string>> expected;
  std::map<std::string, uint64_t> counters;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.file << ": " << c.name;
}

std::string unescape(std::string_view text) {
  std::string out;
  size_t brace = std::string::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char c = text[++i];
      if (c == 'x') {
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
      } else {
        out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
      }
    } else if (text[i] == '{') {
      brace = out.size();
    } else if (text[i] == '*' && brace != std::string::npos &&
               text.find('}', i) != std::string::npos) {
      const size_t end = text.find('}', i);
      const std::string piece = out.substr(brace);
      for (int n = std::stoi(std::string(text.substr(i + 1, end - i - 1))); n > 1; --n) {
        out += piece;
      }
      i = end;
      brace = std::string::npos;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) {
    out.push_back(word);
  }
  return out;
}

void read_line(const std::string& line, Case& file, std::vector<Case>& cases) {
  const size_t space = line.find(' ');
  const std::string verb = line.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
  if (verb.empty() || verb == "#") {
    return;
  }
  if (verb == "schema" || verb == "columns") {
    (verb == "schema" ? file.schema = rest : (file.columns = words(rest), rest));
    return;
  }
  if (verb == "case") {
    cases.push_back(file);
    cases.back().name = rest;
    return;
  }
  ASSERT_FALSE(cases.empty()) << line;
  Case& c = cases.back();
  if (verb == ">" || verb == "<") {
    c.actions.push_back({.kind = verb[0], .side = verb[0], .bytes = unescape(rest), .length = 0});
  } else if (verb == "gap") {
    c.actions.push_back(
        {.kind = 'g', .side = rest[0], .bytes = {}, .length = std::stoull(rest.substr(1))});
  } else if (verb == "close" || verb == "reset" || verb == "timeout") {
    c.actions.push_back({.kind = verb[0], .side = 0, .bytes = {}, .length = 0});
  } else if (verb == "role") {
    c.role = rest == "client" ? Role::kClient : Role::kServer;
  } else if (verb == "midway") {
    c.midway = true;
  } else if (verb == "=") {
    c.expected.push_back(words(rest));
  } else if (verb == "repeat") {
    const std::vector<std::string> last = c.expected.back();
    c.expected.insert(c.expected.end(), std::stoul(rest), last);
  } else if (verb == "!") {
    for (const std::string& word : words(rest)) {
      c.counters[word.substr(0, word.find('='))] = std::stoull(word.substr(word.find('=') + 1));
    }
  } else {
    FAIL() << "unknown line: " << line;
  }
}

std::vector<Case> read_all() {
  std::vector<Case> cases;
  for (const auto& entry : std::filesystem::directory_iterator(SONDE_TEST_DATA "/cases")) {
    if (entry.path().extension() != ".case") {
      continue;
    }
    Case file;
    file.file = entry.path().stem();
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      read_line(line, file, cases);
    }
  }
  return cases;
}

std::string size_text(uint64_t bytes, bool known) {
  return (known ? "" : "~") + std::to_string(bytes);
}

std::string column(const Finished& done, const std::string& name) {
  static const char* const kOutcomes[] = {"complete", "closed", "reset", "timeout"};
  const Request& r = done.request;
  std::string text = name == "path"       ? done.path
                     : name == "request"  ? size_text(r.request_body_bytes, r.request_body_known)
                     : name == "response" ? size_text(r.response_body_bytes, r.response_body_known)
                     : name == "outcome"  ? kOutcomes[static_cast<size_t>(r.outcome)]
                     : name == "failed"   ? (r.failed ? "yes" : "no")
                                          : done.value(name);
  if (text.size() > 100) {
    text = text.substr(0, 8) + "...(" + std::to_string(text.size()) + ")";
  }
  return text.empty() ? "-" : text;
}

// How the calls are cut: into pieces of that many bytes; or (piece 0) one of them in two, `cut`
// bytes into the conversation.
struct Cutting {
  size_t piece = 0;
  size_t cut = SIZE_MAX;
};

std::string run(const Case& c, const Cutting& cutting) {
  Recorder recorder;
  Flows flows(recorder, {.keep_details = true});
  Kernel kernel(flows, recorder, c.role);
  kernel.open(c.midway, c.midway ? 5000 : 0, c.midway ? 7000 : 0);
  size_t at = 0;
  bool open = true;
  for (const Action& action : c.actions) {
    const auto call = [&](std::string_view bytes) {
      action.side == '>' ? kernel.ask(bytes) : kernel.answer(bytes);
    };
    if (action.kind == 'g') {
      action.side == '>' ? kernel.ask_unreadable(action.length)
                         : kernel.answer_unreadable(action.length);
    } else if (action.kind != '>' && action.kind != '<') {
      kernel.close(action.kind == 'r', action.kind == 't');
      open = false;
    } else if (cutting.piece != 0) {
      for (size_t i = 0; i < action.bytes.size(); i += cutting.piece) {
        call(std::string_view(action.bytes).substr(i, cutting.piece));
      }
    } else if (cutting.cut > at && cutting.cut < at + action.bytes.size()) {
      call(std::string_view(action.bytes).substr(0, cutting.cut - at));
      call(std::string_view(action.bytes).substr(cutting.cut - at));
    } else {
      call(action.bytes);
    }
    at += action.bytes.size();
    EXPECT_TRUE(balances(flows));
  }
  if (open) {
    kernel.close();
  }
  EXPECT_TRUE(balances(flows));
  EXPECT_EQ(flows.in_flight(), 0u);
  std::string told;
  for (size_t i = 0; i < recorder.finished.size(); ++i) {
    const Finished& done = recorder.finished[i];
    EXPECT_EQ(done.name, c.schema);
    for (const std::string& name : c.columns) {
      told += column(done, name) + " ";
    }
    if (i < c.expected.size()) {
      for (size_t k = c.columns.size(); k < c.expected[i].size(); ++k) {
        const std::string name = c.expected[i][k].substr(0, c.expected[i][k].find('='));
        told += name + "=" + column(done, name) + " ";
      }
    }
    told += "\n";
  }
  const FlowCounters& counters = flows.counters();
  const std::pair<const char*, uint64_t> losses[] = {
      {"requests_lost", counters.requests_lost},
      {"answers_unpaired", counters.answers_unpaired},
      {"holes_cut", counters.holes_cut},
      {"holes_lost", counters.holes_lost},
      {"invalid", counters.invalid},
      {"unclassified", counters.unclassified},
      {"bytes_dropped", counters.bytes_dropped},
      {"framing_doubtful", counters.framing_doubtful},
      {"upgraded", counters.upgraded},
      {"upgraded_bytes", counters.upgraded_bytes}};
  for (const auto& [name, count] : losses) {
    if (count != 0) {
      told += std::string("! ") + name + "=" + std::to_string(count) + "\n";
    }
  }
  return told;
}

std::string expectation(const Case& c) {
  std::string text;
  for (const std::vector<std::string>& exchange : c.expected) {
    for (const std::string& word : exchange) {
      text += word + " ";
    }
    text += "\n";
  }
  for (const char* name :
       {"requests_lost", "answers_unpaired", "holes_cut", "holes_lost", "invalid", "unclassified",
        "bytes_dropped", "framing_doubtful", "upgraded", "upgraded_bytes"}) {
    if (const auto found = c.counters.find(name); found != c.counters.end()) {
      text += std::string("! ") + name + "=" + std::to_string(found->second) + "\n";
    }
  }
  return text;
}

class Cases : public testing::TestWithParam<Case> {};

TEST_P(Cases, TellTheSameHoweverTheyAreCut) {
  const Case& c = GetParam();
  const std::string expected = expectation(c);
  ASSERT_EQ(run(c, {}), expected) << "whole";
  ASSERT_EQ(run(c, {.piece = 1}), expected) << "byte by byte";
  size_t total = 0;
  for (const Action& action : c.actions) {
    total += action.bytes.size();
  }
  const size_t stride = total / kMaxCuts + 1;
  for (size_t cut = 1; cut < total; cut += stride) {
    ASSERT_EQ(run(c, {.piece = 0, .cut = cut}), expected) << "cut at " << cut;
  }
}

std::string name_of(const testing::TestParamInfo<Case>& one) {
  std::string name = one.param.file + "_" + one.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Case, Cases, testing::ValuesIn(read_all()), name_of);

TEST(Files, AreThere) { EXPECT_GE(read_all().size(), 50u); }

}  // namespace
}  // namespace sonde::test
