//! What the emulated service says, before any fault is put on it: a status, a body, and whether
//! something changed. Refusals carry the service's code and text (page common-errors).

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, DATE, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
};
use http::{Response, StatusCode};
use serde::Serialize;
use std::borrow::Cow;

use super::moment::{Moment, http_date};

/// An answer that is ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) form: Form,
    pub(crate) body: Bytes,
    /// Headers beside the ones its form has.
    headers: Vec<(HeaderName, String)>,
    /// Whether the request changed something in the emulated world.
    pub(crate) effect: bool,
}

/// Which kind of body an answer has, and with it which headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The content type recorded on the service's answers.
    Api,
    Plain,
    Token,
    Html,
    Empty,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, form: Form, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self::raw(status, form, bytes),
            Err(_) => Self::raw(StatusCode::INTERNAL_SERVER_ERROR, Form::Plain, "{}"),
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::raw(status, Form::Empty, Bytes::new())
    }

    pub(crate) fn raw(status: StatusCode, form: Form, body: impl Into<Bytes>) -> Self {
        Self { status, form, body: body.into(), headers: Vec::new(), effect: false }
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: HeaderName, text: impl Into<String>) -> Self {
        self.headers.push((name, text.into()));
        self
    }

    /// The same answer, to a request that changed something.
    pub(crate) fn changed(self) -> Self {
        self.changed_if(true)
    }

    pub(crate) fn changed_if(self, effect: bool) -> Self {
        Self { effect, ..self }
    }

    /// The answer as HTTP. `Date` shows the service's clock, which may differ from the caller's.
    pub(crate) fn into_response(self, moment: Moment) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        put(DATE, &http_date(moment.wall));
        put(STRICT_TRANSPORT_SECURITY, "max-age=15724800; includeSubDomains");
        match self.form {
            Form::Api => {
                let kind =
                    "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8";
                put(CONTENT_TYPE, kind);
                put(HeaderName::from_static("odata-version"), "4.0");
            }
            Form::Plain => put(CONTENT_TYPE, "application/json; charset=utf-8"),
            Form::Token => {
                put(CONTENT_TYPE, "application/json; charset=utf-8");
                put(CACHE_CONTROL, "no-store, no-cache");
            }
            Form::Html => put(CONTENT_TYPE, "text/html; charset=utf-8"),
            Form::Empty => {}
        }
        for (name, text) in self.headers {
            put(name, &text);
        }
        response
    }
}

/// A request the service turns down.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The body isn't what the operation takes; wrong-case property names end here too.
    pub(crate) fn body() -> Self {
        Self::bad("InvalidRequestBody", "Request body is incorrect")
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::bad("MissingRequiredParameter", format!("Required parameter '{name}' is missing"))
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let message = format!("{what} {id} was not found");
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    pub(crate) fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    pub(crate) fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    /// The code isn't in the table of common-errors; run-live-response and public clients name it.
    pub(crate) fn already_running() -> Self {
        Self::bad("ActiveRequestAlreadyExists", "Action is already in progress")
    }

    /// The recorded envelope. `target` is a correlation id for support; 401 answers come without it.
    pub(crate) fn into_answer(self, correlation: &str) -> Answer {
        let target = (self.status != StatusCode::UNAUTHORIZED).then_some(correlation);
        let error = ErrorBody { code: self.code, message: &self.message, target };
        Answer::json(self.status, Form::Plain, &Envelope { error })
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}
