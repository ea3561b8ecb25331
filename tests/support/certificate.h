// SPDX-License-Identifier: Apache-2.0
// A certificate for tests, signed by itself, and files to put things in.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace sonde {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text = {}) {
    char path[] = "/tmp/sonde-test-XXXXXX";
    ::close(::mkstemp(path));
    path_ = path;
    write(text);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view text) { std::ofstream(path_) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Certificate {
  explicit Certificate(const char* name) {
    EVP_PKEY* const pair = EVP_EC_gen("P-256");
    X509* const x509 = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, pair);
    X509_NAME* const subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    EXPECT_GT(X509_sign(x509, pair, EVP_sha256()), 0);
    FILE* file = ::fopen(certificate.path().c_str(), "w");
    PEM_write_X509(file, x509);
    ::fclose(file);
    file = ::fopen(key.path().c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    ::fclose(file);
    X509_free(x509);
    EVP_PKEY_free(pair);
  }
  TemporaryFile certificate;
  TemporaryFile key;
};

}  // namespace sonde
