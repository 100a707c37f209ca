//! How far a request came over HTTP/2, where the other side can say so itself. The server writes its frames by hand.

use std::sync::Arc;

use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::line::{Private, Seen, Wire, serve, settled, shown, stage};
use crate::script::TOKEN;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED: u32 = 7;
const CANCEL: u32 = 8;

/// `:status: 200`, by its place in the table.
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn rst(stream: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.to_be_bytes())
}

fn goaway(last: u32, reason: u32, text: &str) -> Vec<u8> {
    let payload = [&last.to_be_bytes()[..], &reason.to_be_bytes(), text.as_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// A header of 4,000 bytes, written out.
fn filler() -> Vec<u8> {
    // No index, a name of 1 byte, a value of 127 + 3,873 bytes.
    [&[0x00, 0x01, b'x', 0x7f, 0xa1, 0x1e][..], &[b'a'; 4000]].concat()
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4]))
}

/// Posts once to a server that reads each request whole, writes `frames` and closes. Gives what came of it, and how many
/// requests the server saw over all connections.
async fn post(
    frames: Vec<u8>,
) -> (Result<Response<bytes::Bytes>, defender_response::TransportError>, usize) {
    let (private, seen) = (Private::to("localhost"), Seen::default());
    let (acceptor, noted, frames) = (private.acceptor("h2"), seen.clone(), Arc::new(frames));
    let address = serve(&seen, move |_, stream| {
        let (acceptor, seen, frames) = (acceptor.clone(), noted.clone(), Arc::clone(&frames));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            stream.read_exact(&mut [0; 24]).await.unwrap();
            stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            while let Some((kind, flags)) = read_frame(&mut stream).await {
                if kind == SETTINGS && flags & ACK == 0 {
                    stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await.unwrap();
                }
                if kind == HEADERS {
                    seen.note("a request");
                }
                if [HEADERS, DATA].contains(&kind) && flags & END_STREAM != 0 {
                    stream.write_all(&frames).await.unwrap();
                    stream.shutdown().await.unwrap();
                    // What the client still writes is taken, or its end would be a reset that overtakes the frames.
                    while read_frame(&mut stream).await.is_some() {}
                    return;
                }
            }
        }
    })
    .await;
    let wire = Wire::with(|b| b.root_certificate(private.root.as_bytes()));
    let port = address.rsplit(':').next().unwrap();
    let outcome = wire.post(&format!("https://localhost:{port}/")).await;
    settled().await;
    (outcome, seen.requests().len())
}

#[tokio::test]
async fn an_answer_by_http2_is_read() {
    let head = frame(HEADERS, END_HEADERS, 1, &[STATUS_200]);
    let (outcome, requests) = post([head, frame(DATA, END_STREAM, 1, b"{}")].concat()).await;
    let answer = outcome.unwrap();
    assert_eq!(
        (answer.version(), answer.body().as_ref(), requests),
        (http::Version::HTTP_11, &b"{}"[..], 1)
    );
}

#[tokio::test]
async fn a_refused_stream_is_not_sent_and_not_sent_again() {
    let (outcome, requests) = post(rst(1, REFUSED)).await;
    assert_eq!((stage(&outcome), requests), ("not sent", 1), "{outcome:?}");
}

#[tokio::test]
async fn a_stream_that_is_reset_for_another_reason_is_unanswered() {
    for reason in [NO_ERROR, INTERNAL_ERROR, CANCEL] {
        let (outcome, requests) = post(rst(1, reason)).await;
        assert_eq!((stage(&outcome), requests), ("unanswered", 1), "{reason}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_goodbye_before_the_stream_is_not_sent_and_not_sent_again() {
    for reason in [NO_ERROR, INTERNAL_ERROR] {
        let (outcome, requests) = post(goaway(0, reason, "")).await;
        assert_eq!((stage(&outcome), requests), ("not sent", 1), "{reason}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_goodbye_after_the_stream_is_unanswered() {
    for reason in [NO_ERROR, INTERNAL_ERROR] {
        let (outcome, requests) = post(goaway(1, reason, "")).await;
        assert_eq!((stage(&outcome), requests), ("unanswered", 1), "{reason}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_without_a_word_is_unanswered() {
    let (outcome, requests) = post(Vec::new()).await;
    assert_eq!((stage(&outcome), requests), ("unanswered", 1), "{outcome:?}");
}

#[tokio::test]
async fn what_the_clients_own_side_refuses_was_sent_all_the_same() {
    let mut frames = frame(HEADERS, 0, 1, &[STATUS_200]);
    for n in 0..8 {
        let flags = if n == 7 { END_HEADERS } else { 0 };
        frames.extend(frame(CONTINUATION, flags, 1, &filler()));
    }
    frames.extend(frame(DATA, END_STREAM, 1, b"{}"));
    // 32,000 bytes of headers are more than the 16 KiB that are let in.
    let (outcome, requests) = post(frames).await;
    assert_eq!((stage(&outcome), requests), ("unanswered", 1), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_begins_and_breaks_off_is_partial() {
    // content-length: 100, its name by its place in the table.
    let head = [&[STATUS_200][..], &[0x0f, 0x0d, 0x03], b"100"].concat();
    let ends = [NO_ERROR, INTERNAL_ERROR, REFUSED, CANCEL].map(|reason| rst(1, reason));
    for end in ends.into_iter().chain([goaway(0, NO_ERROR, ""), Vec::new()]) {
        let head = frame(HEADERS, END_HEADERS, 1, &head);
        let (outcome, requests) = post([head, frame(DATA, 0, 1, b"{"), end.clone()].concat()).await;
        assert_eq!((stage(&outcome), requests), ("partial", 1), "{end:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_of_no_announced_length_that_fails_is_partial() {
    for end in [rst(1, REFUSED), rst(1, INTERNAL_ERROR), Vec::new()] {
        let head = frame(HEADERS, END_HEADERS, 1, &[STATUS_200]);
        let (outcome, requests) = post([head, frame(DATA, 0, 1, b"{"), end.clone()].concat()).await;
        assert_eq!((stage(&outcome), requests), ("partial", 1), "{end:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_goodbye_that_echoes_the_token_shows_it_nowhere() {
    let (outcome, _) = post(goaway(0, INTERNAL_ERROR, TOKEN)).await;
    let shown = shown(&outcome.unwrap_err());
    assert!(!shown.contains(TOKEN), "{shown}");
}
