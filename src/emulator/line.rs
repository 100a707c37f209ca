//! The ends of a socket that faults need: a connection that can be reset instead of closed, and bodies
//! that break off, drip, or don't end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::reply::first_half;

/// A connection that is reset when dropped, if it was marked so, and closed otherwise.
pub(crate) struct Line {
    stream: TokioIo<TcpStream>,
    abrupt: Arc<AtomicBool>,
}

impl Line {
    pub(crate) fn new(stream: TcpStream, abrupt: Arc<AtomicBool>) -> Self {
        Self { stream: TokioIo::new(stream), abrupt }
    }
}

impl Drop for Line {
    // Its successor, `set_zero_linger`, wants a newer tokio than the rest of the crate.
    #[allow(deprecated)]
    fn drop(&mut self) {
        if self.abrupt.load(Ordering::Relaxed) {
            // If that fails the connection is closed, which no client can take for an answer either.
            let _reset = self.stream.inner().set_linger(Some(Duration::ZERO));
        }
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long a body waits before it breaks off, so that its first half is on its way by then.
const BEFORE_BREAK: Duration = Duration::from_millis(5);

/// A body on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    way: Way,
    pause: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Half,
    Drip(Duration),
    /// Still so many bytes to go.
    Flood(usize),
}

impl Outgoing {
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { rest: body, way: Way::Whole, pause: None }
    }

    pub(crate) fn half(body: &Bytes) -> Self {
        Self { rest: first_half(body), way: Way::Half, pause: None }
    }

    pub(crate) fn drip(body: Bytes, pace: Duration) -> Self {
        let pause = Some(Box::pin(tokio::time::sleep(pace)));
        Self { rest: body, way: Way::Drip(pace), pause }
    }

    pub(crate) fn flood(body: Bytes, bytes: usize) -> Self {
        Self { rest: body, way: Way::Flood(bytes), pause: None }
    }

    /// The next piece; none at the end of the body.
    fn next_piece(&mut self) -> Option<io::Result<Frame<Bytes>>> {
        let piece = match self.way {
            Way::Whole => std::mem::take(&mut self.rest),
            Way::Half if self.rest.is_empty() => {
                return Some(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            Way::Half => {
                self.pause = Some(Box::pin(tokio::time::sleep(BEFORE_BREAK)));
                std::mem::take(&mut self.rest)
            }
            Way::Drip(pace) => {
                self.pause = Some(Box::pin(tokio::time::sleep(pace)));
                self.rest.split_to(self.rest.len().min(1))
            }
            Way::Flood(left) => {
                let piece = self.rest.slice(..self.rest.len().min(left));
                self.way = Way::Flood(left - piece.len());
                piece
            }
        };
        (!piece.is_empty()).then(|| Ok(Frame::data(piece)))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(self.next_piece())
    }

    fn is_end_stream(&self) -> bool {
        match self.way {
            Way::Whole | Way::Drip(_) => self.rest.is_empty(),
            Way::Half => false,
            Way::Flood(left) => left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.way {
            Way::Whole => SizeHint::with_exact(self.rest.len() as u64),
            Way::Half | Way::Drip(_) | Way::Flood(_) => SizeHint::default(),
        }
    }
}
