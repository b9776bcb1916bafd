// CommandSource: values that commands print, asked of the helper.
//
// One request per credential is under way at a time, whoever waits for it. A value is used until shortly before its
// expiry (five minutes after it came, when it has none), and asked for again when a request comes after four fifths of
// that; until the new one is there, the old one is used. What is never asked for costs nothing. After a failure the
// command is left alone for some seconds, or a guest's retries would start processes on the host.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "credentials/helper.h"
#include "credentials/source.h"

namespace enforcer::credentials {

class CommandSource final : public Source {
 public:
  CommandSource(boost::asio::io_context& io, Helper helper);
  ~CommandSource() override;

  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override;

 private:
  /// One request to the helper, and those who wait for its reply.
  struct Flight {
    explicit Flight(boost::asio::io_context& io) : timeout(io) {}
    std::string name;
    boost::asio::steady_timer timeout;
    std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting;  ///< cancelled when the outcome is there
    std::optional<Result<Value>> outcome;
  };

  struct Entry {
    std::vector<std::string> argv;  ///< other than the spec's now: the value is of another command
    std::optional<Value> value;
    Monotonic::time_point usable_until;
    Monotonic::time_point refresh_at;
    std::optional<Error> failure;
    Monotonic::time_point retry_at;
    std::shared_ptr<Flight> flight;
  };

  Entry& entry_of(const policy::CredentialSpec& spec);
  void begin(const std::string& name, Entry& entry);
  void listen();
  void take_replies();
  void complete(std::uint64_t number, Result<Value> outcome);
  void keep(Entry& entry, const Result<Value>& outcome);
  void lost();

  boost::asio::io_context& io_;
  Helper helper_;
  boost::asio::posix::stream_descriptor socket_;  ///< watches the helper's
  std::minstd_rand random_;
  std::uint64_t next_number_ = 1;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::uint64_t, std::shared_ptr<Flight>> flights_;
  bool gone_ = false;  ///< the helper, for good: this process can start no other
};

}  // namespace enforcer::credentials
