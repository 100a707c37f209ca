//! The emulator's own endpoints under `/emulator/`, for programs in other languages. They need no token
//! and aren't in the journal.

use http::{Method, StatusCode};

use super::answer::{Answer, Form, Refusal};
use super::service::Service;

pub(crate) fn answer(service: &mut Service, method: &Method, what: &str, _body: &[u8]) -> Answer {
    match (method.as_str(), what) {
        ("GET", "journal") => plain(&service.journal.entries()),
        ("GET", "stats") => plain(&service.journal.stats()),
        _ => Refusal::new(StatusCode::NOT_FOUND, "NotFound", "The emulator has no such endpoint")
            .into_answer(""),
    }
}

fn plain(body: &impl serde::Serialize) -> Answer {
    Answer::json(StatusCode::OK, Form::Plain, body)
}
