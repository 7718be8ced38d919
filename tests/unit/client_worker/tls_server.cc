#include "tests/unit/client_worker/tls_server.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <csignal>
#include <utility>

namespace w2t::worker {

namespace {

struct Deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

using Key = std::unique_ptr<EVP_PKEY, Deleter>;
using Certificate = std::unique_ptr<X509, Deleter>;

// For 127.0.0.1, signed by itself.
Certificate Sign(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  const std::string host = "127.0.0.1";
  X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(host.data()),
      static_cast<int>(host.size()), -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key, EVP_sha256());
  return certificate;
}

}  // namespace

struct TlsServer::Context {
  Context() = default;
  ~Context() { SSL_CTX_free(context); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
};

TlsServer::TlsServer(std::string answer)
    : answer_(std::move(answer)), context_(std::make_unique<Context>()) {
  // OpenSSL writes without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = Sign(key.get());
  SSL_CTX* const context = context_->context;
  EXPECT_EQ(SSL_CTX_use_certificate(context, certificate.get()), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key.get()), 1);
  server_ = std::make_unique<ScriptServer>([this](int fd) { Serve(fd); });
}

TlsServer::~TlsServer() { server_.reset(); }

void TlsServer::Serve(int fd) {
  const std::unique_ptr<SSL, Deleter> ssl(SSL_new(context_->context));
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) != 1) return;
  std::string request;
  char c = 0;
  while (!request.ends_with("\r\n\r\n") && SSL_read(ssl.get(), &c, 1) == 1) {
    request += c;
  }
  if (!request.ends_with("\r\n\r\n")) return;
  ++requests_;
  SSL_write(ssl.get(), answer_.data(), static_cast<int>(answer_.size()));
}

}  // namespace w2t::worker
