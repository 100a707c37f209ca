//! What leaves the emulated service: an answer, or one of the ways in which an answer fails to come.
//! Both fronts carry out the same replies, so no fault needs a path of its own.

use std::time::Duration;

use bytes::Bytes;
use http::Response;

/// The outcome of one request, and how long it is kept back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) delay: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(Response<Bytes>),
    /// The connection never came about. On a socket, where there is one by then, this is a reset.
    NotReached,
    /// The connection breaks before an answer begins.
    Reset,
    /// No answer, ever.
    Hang,
    /// The head and half of the body, then a break.
    Half(Response<Bytes>),
    /// One byte of the body after each pause.
    Drip(Response<Bytes>, Duration),
    /// The body again and again, up to this many bytes.
    Flood(Response<Bytes>, usize),
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self { delay: Duration::ZERO, outcome }
    }
}

/// The half that is sent of a body that breaks off.
pub(crate) fn first_half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}
