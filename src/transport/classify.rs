//! How far a request came that has no whole answer, read off the error's causes.
//!
//! *Not sent* has to be certain, since it is what lets a submission be repeated. Whatever isn't known here, and what a
//! later version of the libraries below might add, counts as sent.
//!
//! | found among the causes | |
//! |---|---|
//! | connecting failed: name, refusal, time, TLS, a proxy's refusal | not sent |
//! | hyper's *canceled* and *closed*: the connection never took the request over | not sent |
//! | a `REFUSED_STREAM` or `GOAWAY` from the other side | not sent |
//! | something came that isn't HTTP, or its head is too large | answered in part |
//! | anything else | unanswered |
//!
//! h2 gives a stream the other side's `GOAWAY` as its error only where the stream is above the last one the other side
//! took up, whatever the reason; a stream below it is left to end by itself, and fails by the closed connection if it
//! doesn't.

use std::error::Error as StdError;

use super::{Stage, TransportError};

/// More causes than this aren't looked at.
const DEEPEST: usize = 32;

/// The error of a request whose answer hasn't begun.
pub(super) fn without_answer(error: reqwest::Error) -> TransportError {
    let stage = stage(&error);
    told(stage, error)
}

/// The error of a request whose answer has begun: whatever the cause, it was sent.
pub(super) fn within_answer(error: reqwest::Error) -> TransportError {
    told(Stage::Partial, error)
}

fn told(stage: Stage, error: reqwest::Error) -> TransportError {
    // A GOAWAY carries text of the other side's choosing, which may hold what was sent to it.
    if let Some(h2) = causes(&error).find_map(|cause| cause.downcast_ref::<h2::Error>()) {
        let reason = h2.reason().map_or_else(String::new, |reason| format!(": {reason}"));
        return TransportError::new(
            stage,
            format!("the HTTP/2 stream or connection failed{reason}"),
        );
    }
    TransportError::new(stage, error.without_url())
}

fn stage(error: &(dyn StdError + 'static)) -> Stage {
    causes(error).find_map(verdict).unwrap_or(Stage::Unanswered)
}

fn verdict(cause: &(dyn StdError + 'static)) -> Option<Stage> {
    if let Some(error) = cause.downcast_ref::<reqwest::Error>() {
        return (error.is_connect() || error.is_builder()).then_some(Stage::NotSent);
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        if error.is_canceled() || error.is_closed() {
            return Some(Stage::NotSent);
        }
        return error.is_parse().then_some(Stage::Partial);
    }
    let error = cause.downcast_ref::<h2::Error>()?;
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    // h2 itself also refuses and says goodbye, and then the request may have been sent.
    (error.is_remote() && (refused || error.is_go_away())).then_some(Stage::NotSent)
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(DEEPEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    use bytes::Bytes;
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;

    /// Some error around the one that tells.
    #[derive(Debug)]
    struct Around<E>(E);

    impl<E> fmt::Display for Around<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("around")
        }
    }

    impl<E: StdError + 'static> StdError for Around<E> {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    fn request() -> http::Request<http_body_util::Full<Bytes>> {
        http::Request::new(http_body_util::Full::new(Bytes::new()))
    }

    #[tokio::test]
    async fn what_a_connection_never_took_over_is_not_sent() {
        let (near, _far) = tokio::io::duplex(1024);
        let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let taken = sender.send_request(request());
        drop(connection);
        let canceled = taken.await.unwrap_err();
        assert!(canceled.is_canceled());
        assert_eq!(stage(&Around(Around(canceled))), Stage::NotSent);

        let closed = sender.ready().await.unwrap_err();
        assert!(closed.is_closed());
        assert_eq!(stage(&Around(closed)), Stage::NotSent);
    }

    #[tokio::test]
    async fn what_a_connection_took_over_is_unanswered() {
        let (near, _far) = tokio::io::duplex(1024);
        let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let running = tokio::spawn(connection);
        let taken = tokio::spawn(sender.send_request(request()));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        running.abort();
        let gone = taken.await.unwrap().unwrap_err();
        assert_eq!(stage(&Around(gone)), Stage::Unanswered);
    }

    #[test]
    fn what_says_nothing_is_unanswered() {
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for error in [reset, refused] {
            assert_eq!(stage(&Around(error)), Stage::Unanswered);
        }
        let own = h2::Error::from(h2::Reason::REFUSED_STREAM);
        assert_eq!(stage(&Around(own)), Stage::Unanswered);
    }
}
