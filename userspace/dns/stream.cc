#include "dns/stream.h"

#include "dns/message.h"

namespace enforcer::dns {

std::optional<Bytes> next_message(Bytes buffered) {
  if (buffered.size() < kStreamPrefix) return std::nullopt;
  ByteReader reader(buffered);
  const std::size_t size = reader.u16();
  if (size > kMaxQuery) return Bytes();
  if (reader.remaining() < size) return std::nullopt;
  return reader.take(size);
}

std::vector<std::uint8_t> to_stream(Bytes message) {
  std::vector<std::uint8_t> framed = {static_cast<std::uint8_t>(message.size() >> 8),
                                      static_cast<std::uint8_t>(message.size())};
  framed.insert(framed.end(), message.begin(), message.end());
  return framed;
}

}  // namespace enforcer::dns
