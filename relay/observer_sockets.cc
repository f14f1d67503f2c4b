// Where the sockets are, and making them.
#include "relay/observer_sockets.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"

namespace relay {
namespace {

absl::Status Named(std::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(std::string(what), ": ", status.message()));
}

// An address whose path, if it has one, does not depend on the current folder.
absl::StatusOr<engine::Address> Absolute(const std::string& text) {
  absl::StatusOr<engine::Address> address = engine::ParseAddress(text);
  if (!address.ok() || !address->is_unix() || address->path().starts_with('/')) return address;
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(address->path(), error);
  return error ? address : engine::ParseAddress("unix:" + path.lexically_normal().string());
}

std::string TextOf(const std::optional<engine::Address>& address) {
  return address ? address->text : "none";
}

}  // namespace

std::string ControlSocketBeside(const std::string& pid_file) {
  constexpr std::string_view kPidSuffix = ".pid";
  std::string path = pid_file;
  if (path.ends_with(kPidSuffix)) path.resize(path.size() - kPidSuffix.size());
  return path + ".control";
}

absl::Status ObserverSockets::Check(const Config& config, std::vector<std::string>* warnings) {
  absl::Status status = CheckMetrics(config);
  return status.ok() ? CheckControl(config, warnings) : status;
}

absl::Status ObserverSockets::CheckMetrics(const Config& config) {
  const MetricsConfig& metrics = config.metrics;
  if (metrics.socket.empty()) return absl::OkStatus();
  absl::StatusOr<engine::Address> address = Absolute(metrics.socket);
  if (!address.ok()) {
    return Named(absl::StrCat("metrics socket ", metrics.socket), address.status());
  }
  if (!address->is_this_host() && !metrics.allow_remote) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics socket ",
                     metrics.socket,
                     " can be reached from other hosts, and there is no password: take a Unix "
                     "socket or 127.0.0.1, or allow it by --metrics-allow-remote"));
  }
  metrics_place_ = {.address = *std::move(address), .mode = metrics.socket_mode, .asked_for = true};
  return absl::OkStatus();
}

absl::Status ObserverSockets::CheckControl(const Config& config,
                                           std::vector<std::string>* warnings) {
  const ControlConfig& control = config.control;
  if (control.socket == kNoControlSocket) return absl::OkStatus();
  const bool asked_for = !control.socket.empty();
  const std::string text =
      asked_for ? control.socket : ControlSocketBeside(config.program.pid_file);
  absl::StatusOr<engine::Address> address = Absolute(text);
  absl::Status status = address.status();
  if (status.ok() && !address->is_unix()) {
    status = absl::InvalidArgumentError(
        "not a Unix socket; the kernel cannot say who is at another kind");
  }
  if (!status.ok()) {
    status = Named(absl::StrCat("control socket ", text), status);
    if (asked_for) return status;
    warnings->emplace_back(engine::ToStd(status.message()));
    return absl::OkStatus();
  }
  control_place_ = {
      .address = *std::move(address), .mode = kControlSocketMode, .asked_for = asked_for};
  return absl::OkStatus();
}

absl::Status ObserverSockets::OpenOne(const Place& place,
                                      const Identity& identity,
                                      engine::Listener* listener) {
  engine::ListenOptions options;
  options.mode = place.mode;
  if (::geteuid() == 0) {
    options.owner = identity.user;
    options.group = identity.group;
  }
  // One that nobody asked for is not waited for.
  if (!place.asked_for) options.release_ms = 0;
  absl::StatusOr<engine::Listener> opened = engine::Listener::Open(*place.address, options);
  if (!opened.ok()) return opened.status();
  *listener = *std::move(opened);
  return absl::OkStatus();
}

absl::Status ObserverSockets::Open(const Identity& identity, std::vector<std::string>* warnings) {
  if (metrics_place_.address) {
    const absl::Status status = OpenOne(metrics_place_, identity, &metrics_);
    if (!status.ok()) return Named("could not open metrics socket", status);
  }
  if (!control_place_.address) return absl::OkStatus();
  absl::Status status =
      Named("could not open control socket", OpenOne(control_place_, identity, &control_));
  if (control_.fd() >= 0) return absl::OkStatus();
  if (control_place_.asked_for) return status;
  warnings->emplace_back(absl::StrCat(status.message(), "; millracectl cannot ask this daemon"));
  return absl::OkStatus();
}

void ObserverSockets::Unlink() noexcept {
  metrics_.Unlink();
  control_.Unlink();
}

std::string ObserverSockets::Text() const {
  return absl::StrCat("metrics_socket: ",
                      TextOf(metrics_place_.address),
                      "\ncontrol_socket: ",
                      TextOf(control_place_.address),
                      "\n");
}

}  // namespace relay
