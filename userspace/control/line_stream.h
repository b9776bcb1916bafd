// Answers that go on: JSON Lines in chunks until somebody has enough. Shared by the log and by reviews.
#pragma once

#include "control/service.h"

namespace enforcer::control {

/// A client that takes nothing for so long is cut off.
inline constexpr auto kStreamWriteDeadline = std::chrono::seconds(30);

/// The head of such an answer; false when the client is gone.
asio::awaitable<bool> begin_lines(Stream& stream);

/// Whole lines, at least one; false when the client is gone.
asio::awaitable<bool> send_lines(Stream& stream, std::string lines);

/// The last chunk: the client sees that nothing is missing.
asio::awaitable<void> end_lines(Stream& stream);

/// Returns when the client closes. It has nothing more to say: whatever it sends ends the stream as well.
asio::awaitable<void> client_gone(Stream& stream);

}  // namespace enforcer::control
