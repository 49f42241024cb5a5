//! A socket whose requests may have bare quotes in their target.
//!
//! Clients write `symbols=["BTCUSDT"]` as it stands, and the exchange takes it; the HTTP parser does not. So quotes
//! in the first line of a `GET` are percent-encoded before it sees them. Nothing signed has quotes in it: what is
//! signed has to be percent-encoded already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub struct Lenient<S> {
    socket: S,
    /// Read, rewritten, and not handed on yet.
    waiting: Vec<u8>,
}

impl<S> Lenient<S> {
    pub fn new(socket: S) -> Self {
        Lenient { socket, waiting: Vec::new() }
    }
}

/// The bytes with the quotes of their first line encoded; `None` where there is nothing to encode.
fn encoded(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"GET /") {
        return None;
    }
    let end = bytes.iter().position(|byte| *byte == b'\r').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    if !line.contains(&b'"') {
        return None;
    }
    let mut encoded = Vec::with_capacity(bytes.len() + 32);
    for byte in line {
        match byte {
            b'"' => encoded.extend_from_slice(b"%22"),
            byte => encoded.push(*byte),
        }
    }
    encoded.extend_from_slice(rest);
    Some(encoded)
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waiting.is_empty() {
            let before = buffer.filled().len();
            let read = Pin::new(&mut self.socket).poll_read(context, buffer);
            if !matches!(read, Poll::Ready(Ok(()))) {
                return read;
            }
            match buffer.filled().get(before..).and_then(encoded) {
                None => return read,
                Some(encoded) => {
                    self.waiting = encoded;
                    buffer.set_filled(before);
                }
            }
        }
        let count = self.waiting.len().min(buffer.remaining());
        let handed: Vec<u8> = self.waiting.drain(..count).collect();
        buffer.put_slice(&handed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quotes_of_the_target_are_encoded() {
        let text = |bytes: &[u8]| encoded(bytes).map(|it| String::from_utf8(it).unwrap());
        let request = b"GET /api/v3/ticker?symbols=[\"A\"] HTTP/1.1\r\nX: \"y\"\r\n\r\n";
        let wanted = "GET /api/v3/ticker?symbols=[%22A%22] HTTP/1.1\r\nX: \"y\"\r\n\r\n";
        assert_eq!(text(request).as_deref(), Some(wanted));
        for plain in [&b"GET / HTTP/1.1\r\nX: \"y\"\r\n\r\n"[..], b"POST /\"", b"{\"a\": 1}"] {
            assert_eq!(text(plain), None);
        }
    }
}
