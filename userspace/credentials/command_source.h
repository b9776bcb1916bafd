// CommandSource: values that commands print, asked of the helper and kept in a RefreshingCache; and the command that is
// told something.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <memory>
#include <string>

#include "credentials/helper.h"
#include "credentials/refreshing_cache.h"
#include "credentials/source.h"

namespace enforcer::credentials {

class CommandSource final : public Source {
 public:
  CommandSource(boost::asio::io_context& io, Helper helper);
  ~CommandSource() override;

  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override { cache_.forget(name); }

  /// Runs the command of this name (ExecSource::Purpose::kNotice) with `line`, printable ASCII with its end, as its
  /// input; until it has ended well. kInvalid: the line is longer than the helper takes. kUnavailable: it failed, or
  /// could not be run; kTimeout.
  boost::asio::awaitable<Result<>> tell(std::string name, std::string line, Deadline deadline);

 private:
  struct Question;

  /// `shape`: of the value that is expected; none: no value is.
  boost::asio::awaitable<Result<Value>> ask(std::string name, std::string input, std::optional<Shape> shape,
                                            Deadline deadline);
  void listen();
  void take_replies();
  void answer(std::uint64_t number, Result<Value> outcome);
  void lost();

  boost::asio::io_context& io_;
  Helper helper_;
  boost::asio::posix::stream_descriptor socket_;  ///< watches the helper's
  RefreshingCache cache_;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, std::shared_ptr<Question>> questions_;
  bool gone_ = false;  ///< the helper, for good: this process can start no other
};

}  // namespace enforcer::credentials
