#include "http/content_decoder.h"

#include <brotli/decode.h>
#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/ascii.h"
#include "base/text.h"

namespace enforcer::http {
namespace {

using Coding = ContentDecoder::Coding;

std::unexpected<Error> damaged(std::string_view coding) {
  return fail(Errc::kInvalid, fmt::format("the body is no {} data, or damaged", coding));
}

std::unexpected<Error> goes_on(std::string_view coding) {
  return fail(Errc::kInvalid, fmt::format("something stands behind the end of the {} data", coding));
}

std::unexpected<Error> no_memory_for(std::string_view coding) {
  return fail(Errc::kUnavailable, fmt::format("out of memory for decoding {}", coding));
}

/// gzip (RFC 1952) and deflate (RFC 1950; without its head, RFC 1951, as some servers have always sent it).
class Inflater final : public Coding {
 public:
  enum class Kind : std::uint8_t { kGzip, kDeflate };
  explicit Inflater(Kind kind) : kind_(kind) {}
  ~Inflater() override {
    if (open_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<std::size_t> decode(Bytes& arrived, std::span<std::uint8_t> room) override {
    if (state_ != State::kInside) {
      if (arrived.empty()) return std::size_t{0};
      if (state_ == State::kEnd && kind_ == Kind::kDeflate) return goes_on(name());
      TRY_VOID(begin(arrived[0]));
    }
    stream_.next_in = const_cast<Bytef*>(arrived.data());
    stream_.avail_in = size_for_zlib(arrived.size());
    stream_.next_out = room.data();
    stream_.avail_out = size_for_zlib(room.size());
    const uInt offered = stream_.avail_in;
    const uInt free = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    arrived = arrived.subspan(offered - stream_.avail_in);
    if (result == Z_MEM_ERROR) return no_memory_for(name());
    if (result == Z_STREAM_END) {
      state_ = State::kEnd;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {  // the latter: nothing could be done
      return damaged(name());
    }
    return std::size_t{free - stream_.avail_out};
  }
  [[nodiscard]] bool complete() const override { return state_ != State::kInside; }

 private:
  enum class State : std::uint8_t { kStart, kInside, kEnd };

  static uInt size_for_zlib(std::size_t size) {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
  }
  [[nodiscard]] std::string_view name() const { return kind_ == Kind::kGzip ? "gzip" : "deflate"; }

  Result<> begin(std::uint8_t first) {
    if (!open_) {
      constexpr int kGzipOnly = 16;
      // RFC 1950 2.2: method 8 and a window of at most 32 KiB. Data without that head that begins so is a stored block
      // whose unused bits are not zero: nobody writes it.
      const bool has_head = (first & 0x0f) == 8 && first >> 4 <= 7;
      const int window = kind_ == Kind::kGzip ? MAX_WBITS + kGzipOnly : has_head ? MAX_WBITS : -MAX_WBITS;
      if (inflateInit2(&stream_, window) != Z_OK) return no_memory_for(name());
      open_ = true;
    } else if (inflateReset(&stream_) != Z_OK) {
      return damaged(name());
    }
    state_ = State::kInside;
    return {};
  }

  const Kind kind_;
  State state_ = State::kStart;
  bool open_ = false;
  z_stream stream_{};
};

/// RFC 7932.
class BrotliDecoder final : public Coding {
 public:
  BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance) {
    if (state_ != nullptr) BrotliDecoderSetParameter(state_.get(), BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
  }

  Result<std::size_t> decode(Bytes& arrived, std::span<std::uint8_t> room) override {
    if (state_ == nullptr) return no_memory_for("br");
    if (arrived.empty() && complete()) return std::size_t{0};
    if (ended_) return goes_on("br");
    begun_ = true;
    std::size_t left = arrived.size();
    const std::uint8_t* next = arrived.data();
    std::size_t free = room.size();
    std::uint8_t* out = room.data();
    const auto result = BrotliDecoderDecompressStream(state_.get(), &left, &next, &free, &out, nullptr);
    arrived = arrived.last(left);
    if (result == BROTLI_DECODER_RESULT_ERROR) return error();
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    return room.size() - free;
  }
  [[nodiscard]] bool complete() const override { return ended_ || !begun_; }

 private:
  [[nodiscard]] std::unexpected<Error> error() const {
    const auto code = BrotliDecoderGetErrorCode(state_.get());
    const bool memory =
        code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES && code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return memory ? no_memory_for("br") : damaged("br");
  }

  std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state_;
  bool begun_ = false;
  bool ended_ = false;
};

/// RFC 8878.
class ZstdDecoder final : public Coding {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    constexpr int kWindowLog = 23;  // 8 MiB
    if (context_ != nullptr) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLog);
  }

  Result<std::size_t> decode(Bytes& arrived, std::span<std::uint8_t> room) override {
    if (context_ == nullptr) return no_memory_for("zstd");
    if (arrived.empty() && drained_) return std::size_t{0};
    ZSTD_inBuffer in{arrived.data(), arrived.size(), 0};
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    arrived = arrived.subspan(in.pos);
    if (ZSTD_isError(result) != 0) return error(ZSTD_getErrorCode(result));
    complete_ = result == 0;
    drained_ = complete_ || out.pos < room.size();
    return out.pos;
  }
  [[nodiscard]] bool complete() const override { return complete_; }

 private:
  static std::unexpected<Error> error(ZSTD_ErrorCode code) {
    if (code == ZSTD_error_memory_allocation) return no_memory_for("zstd");
    if (code == ZSTD_error_frameParameter_windowTooLarge) {
      return fail(Errc::kInvalid, "the zstd data needs a window of more than 8 MiB");
    }
    return damaged("zstd");
  }

  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  bool complete_ = true;  ///< in front of a frame
  bool drained_ = true;   ///< nothing comes out before something arrives
};

/// Null: a coding that we do not know. Names are tokens, in any case (RFC 9110 8.4.1).
std::unique_ptr<Coding> coding_of(std::string_view name) {
  if (name == "gzip" || name == "x-gzip") return std::make_unique<Inflater>(Inflater::Kind::kGzip);
  if (name == "deflate") return std::make_unique<Inflater>(Inflater::Kind::kDeflate);
  if (name == "br") return std::make_unique<BrotliDecoder>();
  if (name == "zstd") return std::make_unique<ZstdDecoder>();
  return nullptr;
}

/// The next member of a comma-separated list, in lower case, without blanks around it; it is taken off the list.
std::string take_member(std::string_view& list) {
  const std::size_t end = std::min(list.find(','), list.size());
  std::string member(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  member.erase(0, std::min(member.find_first_not_of(" \t"), member.size()));
  member.erase(member.find_last_not_of(" \t") + 1);
  std::ranges::transform(member, member.begin(), ascii::lower);
  return member;
}

/// Until something comes out, or nothing is left to be taken: not every octet stands for something.
Result<std::size_t> decode_some(Coding& coding, Bytes& arrived, std::span<std::uint8_t> room) {
  while (true) {
    const std::size_t before = arrived.size();
    const std::size_t size = TRY(coding.decode(arrived, room));
    if (size > 0 || arrived.empty()) return size;
    if (arrived.size() == before) return fail(Errc::kInvalid, "the body cannot be decoded any further");
  }
}

}  // namespace

Result<ContentDecoder> ContentDecoder::make(std::string_view content_encoding) {
  ContentDecoder decoder;
  std::string_view list = content_encoding;
  while (!list.empty()) {
    const std::string name = take_member(list);
    if (name.empty() || name == "identity") continue;
    auto coding = coding_of(name);
    if (coding == nullptr) {
      return fail(Errc::kInvalid, fmt::format("content coding '{}' is not known", escape_untrusted(name, 64)));
    }
    if (decoder.codings_.size() == kMaxCodings) {
      return fail(Errc::kInvalid, fmt::format("more than {} content codings", kMaxCodings));
    }
    decoder.codings_.insert(decoder.codings_.begin(), std::move(coding));
  }
  if (decoder.codings_.size() > 1) decoder.between_.resize(kBetween);
  return decoder;
}

Result<std::size_t> ContentDecoder::decode(Bytes& arrived, std::span<std::uint8_t> room) {
  ENFORCER_CHECK(!room.empty());
  if (fault_) return std::unexpected(*fault_);
  auto size = decode_all(arrived, room);
  if (!size) fault_ = size.error();
  return size;
}

bool ContentDecoder::complete() const {
  return !fault_ && std::ranges::all_of(codings_, [](const auto& coding) { return coding->complete(); });
}

Result<std::size_t> ContentDecoder::decode_all(Bytes& arrived, std::span<std::uint8_t> room) {
  if (codings_.empty()) {
    const std::size_t size = std::min(arrived.size(), room.size());
    std::ranges::copy(arrived.first(size), room.begin());
    arrived = arrived.subspan(size);
    return size;
  }
  if (codings_.size() == 1) return decode_some(*codings_[0], arrived, room);
  while (true) {
    const std::size_t size = TRY(decode_some(*codings_[1], pending_, room));
    if (size > 0) return size;
    const std::size_t between = TRY(decode_some(*codings_[0], arrived, between_));
    if (between == 0) return std::size_t{0};
    pending_ = Bytes(between_).first(between);
  }
}

}  // namespace enforcer::http
