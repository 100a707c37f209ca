//! How far a request came, told from each way in which there can be no whole answer.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::line::{
    OK, Private, Seen, Wire, after_reading, answering, reset, serve, settled, shown, stage,
};
use crate::script::TOKEN;

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = Wire::new().post(&format!("http://{address}/")).await;
    assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
}

#[tokio::test]
async fn a_request_that_cannot_be_made_is_not_sent() {
    let outcome = Wire::new().post("ftp://127.0.0.1/").await;
    assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_not_sent() {
    // Some resolvers are slow to say so.
    let wire = Wire::with(|b| b.without_proxy().connect_within(Duration::from_secs(2)));
    let outcome = wire.post("https://no-such-host.invalid/").await;
    assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_not_sent() {
    let seen = Seen::default();
    let address = serve(&seen, |_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for wire in [
        Wire::with(|b| b.connect_within(Duration::from_millis(200))),
        // A third of what is given for an attempt.
        Wire::with(|b| b.attempt_within(Duration::from_millis(600))),
    ] {
        let outcome = wire.post(&format!("https://{address}/")).await;
        assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
        assert!(shown(&outcome.unwrap_err()).contains("timed out"));
    }
}

#[tokio::test]
async fn a_failed_handshake_is_not_sent() {
    let seen = Seen::default();
    let plain = serve(&seen, |_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let outcome = Wire::new().post(&format!("https://{plain}/")).await;
    assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_ends_with_the_request_in_it_is_unanswered() {
    let seen = Seen::default();
    // It has arrived at the machine, and whether the service took it up can't be known from here.
    let unread = serve(&seen, |_, stream| async move {
        let _ = stream.peek(&mut [0]).await;
        reset(stream);
    })
    .await;
    let reset_after = after_reading(&seen, |stream| async move { reset(stream) }).await;
    let closed_after = after_reading(&seen, |_| async {}).await;
    for address in [unread, reset_after, closed_after] {
        let outcome = Wire::new().post(&format!("http://{address}/")).await;
        assert_eq!(stage(&outcome), "unanswered", "{outcome:?}");
    }
    assert_eq!(seen.connections(), 3);
    assert_eq!(seen.requests().len(), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_partial() {
    for answer in [
        &b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":"[..],
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"id\":\r\n",
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n",
    ] {
        let seen = Seen::default();
        let address = after_reading(&seen, move |mut stream| async move {
            let _ = stream.write_all(answer).await;
        })
        .await;
        let outcome = Wire::new().post(&format!("http://{address}/")).await;
        assert_eq!(stage(&outcome), "partial", "{outcome:?}");
        assert_eq!(seen.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_partial() {
    let seen = Seen::default();
    let address = after_reading(&seen, |mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    })
    .await;
    let outcome = Wire::new().post(&format!("http://{address}/")).await;
    assert_eq!(stage(&outcome), "partial", "{outcome:?}");
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    for (first, again) in [
        ("HTTP/1.1 200 OK\r\n", "x-filler: 0123456789\r\n".to_owned()),
        ("HTTP/1.1 200 OK\r\nx-filler: ", "0123456789".repeat(100)),
    ] {
        let seen = Seen::default();
        let noted = seen.clone();
        let address = after_reading(&seen, move |mut stream| {
            let (seen, again) = (noted.clone(), again.clone());
            async move {
                let mut taken = first.len();
                let mut going = stream.write_all(first.as_bytes()).await;
                while going.is_ok() && taken < 64 * 1024 * 1024 {
                    taken += again.len();
                    going = stream.write_all(again.as_bytes()).await;
                }
                seen.note(if going.is_ok() { "all taken" } else { "cut off" });
            }
        })
        .await;
        let outcome = Wire::new().post(&format!("http://{address}/")).await;
        assert_eq!(stage(&outcome), "partial", "{outcome:?}");
        settled().await;
        assert_eq!(seen.requests()[1..], ["cut off"], "{first}");
    }
}

#[tokio::test]
async fn a_body_longer_than_allowed_is_partial() {
    let seen = Seen::default();
    let address = after_reading(&seen, |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n").await;
        let _ = stream.write_all(&vec![b' '; 70_000]).await;
    })
    .await;
    let outcome = Wire::new().post(&format!("http://{address}/")).await;
    assert_eq!(stage(&outcome), "partial", "{outcome:?}");
}

#[tokio::test]
async fn a_post_on_a_kept_connection_that_then_closes_is_seen_once() {
    for with_reset in [false, true] {
        let seen = Seen::default();
        let noted = seen.clone();
        let address = serve(&seen, move |_, mut stream| {
            let seen = noted.clone();
            async move {
                seen.read(&mut stream).await.unwrap();
                stream.write_all(OK).await.unwrap();
                seen.read(&mut stream).await.unwrap();
                if with_reset {
                    reset(stream);
                }
            }
        })
        .await;
        let (wire, url) = (Wire::new(), format!("http://{address}/"));
        assert_eq!(stage(&wire.post(&url).await), "answered");
        settled().await;
        let outcome = wire.post(&url).await;
        assert_eq!(stage(&outcome), "unanswered", "{outcome:?}");
        settled().await;
        assert_eq!(seen.requests().len(), 2, "the one answered, and the other once");
        assert_eq!(seen.connections(), 1);
    }
}

#[tokio::test]
async fn a_kept_connection_that_closed_meanwhile_costs_nothing() {
    let seen = Seen::default();
    let noted = seen.clone();
    let address = serve(&seen, move |_, mut stream| {
        let seen = noted.clone();
        async move {
            seen.read(&mut stream).await.unwrap();
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let (wire, url) = (Wire::new(), format!("http://{address}/"));
    for sent in 1..4 {
        assert_eq!(stage(&wire.post(&url).await), "answered");
        settled().await;
        assert_eq!((seen.requests().len(), seen.connections()), (sent, sent));
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let (elsewhere, here) = (Seen::default(), Seen::default());
        let target = answering(&elsewhere, OK).await;
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
        let address = answering(&here, answer.leak().as_bytes()).await;
        let outcome = Wire::new().post(&format!("http://{address}/")).await;
        let expected: u16 = status[..3].parse().unwrap();
        assert_eq!(outcome.unwrap().status().as_u16(), expected);
        assert!(here.requests()[0].contains(TOKEN));
        assert_eq!((here.requests().len(), elsewhere.connections()), (1, 0));
    }
}

#[tokio::test]
async fn a_private_root_is_refused_and_by_its_certificate_trusted() {
    let (private, other) = (Private::to("localhost"), Private::to("localhost"));
    let seen = Seen::default();
    let address = private.answering(&seen, OK).await;
    let url = format!("https://localhost:{}/", address.rsplit(':').next().unwrap());

    let outcome = Wire::new().post(&url).await;
    assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
    let outcome = Wire::with(|b| b.root_certificate(other.root.as_bytes())).post(&url).await;
    assert_eq!(stage(&outcome), "not sent", "{outcome:?}");
    assert_eq!(seen.requests().len(), 0);

    let both = format!("{}{}", other.root, private.root);
    for wire in [
        Wire::with(|b| b.root_certificate(private.root.as_bytes())),
        Wire::with(|b| b.root_certificate(both.as_bytes())),
        Wire::with(|b| {
            b.root_certificate(private.root.as_bytes()).root_certificate(other.root.as_bytes())
        }),
    ] {
        let outcome = wire.post(&url).await;
        assert_eq!(stage(&outcome), "answered", "{outcome:?}");
    }
}
