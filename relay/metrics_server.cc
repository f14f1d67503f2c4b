// libmicrohttpd's callbacks and the answers.
#include "relay/metrics_server.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "relay/metrics_text.h"

namespace relay {
namespace {

constexpr std::string_view kMethods = "GET, HEAD";
constexpr const char* kPlain = "text/plain; charset=utf-8";

struct Page {
  unsigned status = MHD_HTTP_OK;
  const char* content_type = kPlain;
  std::string text{};
};

int Queue(MHD_Connection* connection, const Page& page) {
  // The library does not change what it copies.
  MHD_Response* response = MHD_create_response_from_buffer(
      page.text.size(), const_cast<char*>(page.text.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.content_type);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  if (page.status == MHD_HTTP_METHOD_NOT_ALLOWED)
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, kMethods.data());
  const MHD_Result queued = MHD_queue_response(connection, page.status, response);
  MHD_destroy_response(response);
  return queued;
}

int DescriptorOf(MHD_Connection* connection) noexcept {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info != nullptr ? info->connect_fd : -1;
}

}  // namespace

struct MetricsCallbacks {
  // NOLINTNEXTLINE(readability-function-size): the library's signature
  static MHD_Result OnRequest(void* server,
                              MHD_Connection* connection,
                              const char* path,
                              const char* method,
                              const char*,
                              const char*,
                              std::size_t* upload_bytes,
                              void** seen) {
    const bool asks = std::strcmp(method, "GET") == 0 || std::strcmp(method, "HEAD") == 0;
    // The library calls with the head first, and again once the request is whole. What is refused
    // is refused before its body.
    if (asks && *seen == nullptr) {
      *seen = server;
      return MHD_YES;
    }
    if (asks && *upload_bytes != 0) {
      *upload_bytes = 0;
      return MHD_YES;
    }
    return static_cast<MetricsServer*>(server)->Answer(connection, path, method) == MHD_YES
               ? MHD_YES
               : MHD_NO;
  }

  static void OnConnection(void* server,
                           MHD_Connection* connection,
                           void**,
                           MHD_ConnectionNotificationCode what) {
    auto* self = static_cast<MetricsServer*>(server);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      self->Began(connection);
    } else {
      self->Ended(connection);
    }
  }
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(int listener,
                                                                    const SnapshotSource& source) {
  const int copy = ::fcntl(listener, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return absl::UnavailableError(
        absl::StrCat("could not copy the metrics socket: ", ::strerrordesc_np(errno)));
  }
  std::unique_ptr<MetricsServer> server(new MetricsServer(source));
  server->http_ = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD,
                                   0,
                                   nullptr,
                                   nullptr,
                                   &MetricsCallbacks::OnRequest,
                                   server.get(),
                                   MHD_OPTION_LISTEN_SOCKET,
                                   copy,
                                   MHD_OPTION_NOTIFY_CONNECTION,
                                   &MetricsCallbacks::OnConnection,
                                   server.get(),
                                   MHD_OPTION_CONNECTION_LIMIT,
                                   static_cast<unsigned>(server->clients_.size()),
                                   MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                   kConnectionBytes,
                                   MHD_OPTION_CONNECTION_TIMEOUT,
                                   kSilenceMaxSeconds,
                                   MHD_OPTION_END);
  if (server->http_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("could not start the metrics thread: ",
                                               ::strerrordesc_np(errno),
                                               "; look at the limits of threads and open files"));
  }
  return server;
}

MetricsServer::~MetricsServer() {
  if (http_ != nullptr) MHD_stop_daemon(http_);
}

int MetricsServer::Answer(MHD_Connection* connection, const char* path, const char* method) const {
  const std::string_view asked = path;
  const std::string_view how = method;
  if (asked != "/metrics" && asked != "/healthz") {
    return Queue(connection,
                 {.status = MHD_HTTP_NOT_FOUND, .text = "only /metrics and /healthz are here\n"});
  }
  if (how != "GET" && how != "HEAD") {
    return Queue(connection, {.status = MHD_HTTP_METHOD_NOT_ALLOWED, .text = "GET or HEAD\n"});
  }
  if (asked == "/healthz") {
    return source_.stopping()
               ? Queue(connection, {.status = MHD_HTTP_SERVICE_UNAVAILABLE, .text = "stopping\n"})
               : Queue(connection, {.text = "serving\n"});
  }
  const char* accept =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
  const MetricsForm form = FormFor(accept != nullptr ? accept : "");
  return Queue(connection,
               {.content_type = ContentTypeOf(form).data(),
                .text = MetricsText(source_.TakeSnapshot(), form)});
}

void MetricsServer::Began(MHD_Connection* connection) noexcept {
  Client* free = nullptr;
  Client* oldest = nullptr;
  std::size_t open = 0;
  for (Client& client : clients_) {
    if (client.connection == nullptr) {
      free = &client;
    } else if (!client.shut_down) {
      ++open;
      if (oldest == nullptr || client.number < oldest->number) oldest = &client;
    }
  }
  ENGINE_CHECK(free != nullptr);  // there are as many as the library allows
  *free = {.connection = connection, .number = next_number_++};
  if (open < kConnectionsMax) return;
  oldest->shut_down = true;
  // The library sees the end and closes it; Ended() follows.
  ::shutdown(DescriptorOf(oldest->connection), SHUT_RDWR);
}

void MetricsServer::Ended(const MHD_Connection* connection) noexcept {
  for (Client& client : clients_) {
    if (client.connection == connection) client = {};
  }
}

}  // namespace relay
