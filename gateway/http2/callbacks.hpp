#pragma once
/// What the library calls, and how it is given fields. Internal to this room.
#include "gateway/http2/frames.hpp"

#include <nghttp2/nghttp2.h>

#include <string_view>

namespace tallygate::http2 {

struct Frames::Callbacks {
  /// Says of a new session what is called for what.
  static void set(nghttp2_session_callbacks& callbacks) noexcept;
  /// Makes frames of a channel's body; the source of a data provider is the channel.
  static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* into, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source* source, void* user);

 private:
  static int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* head, void* user);
  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t flags, void* user);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session* session, std::uint8_t flags, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user);
  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user);
  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user);
  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source* source, void* user);
};

inline constexpr std::size_t fields_max = 256;  ///< of one head that is sent

[[nodiscard]] inline std::string_view view(const std::uint8_t* data, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(data), size};
}

/// A field as the library takes it, which copies it and sends its name in lower case.
[[nodiscard]] inline nghttp2_nv pair(std::string_view name, std::string_view value,
                                     std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) noexcept {
  nghttp2_nv nv{};
  // Both are not const only for the library's other uses of the type.
  nv.name = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data()));
  nv.value = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data()));
  nv.namelen = name.size();
  nv.valuelen = value.size();
  nv.flags = flags;
  return nv;
}

}  // namespace tallygate::http2
