//! What goes wrong in a cell.

use defender_response::emulator::{Fault, PlainFault, StatusFault};

/// Rows of the short table.
pub fn faults() -> Vec<(&'static str, Fault)> {
    let plain = |name, fault: PlainFault| (name, Fault::from(fault));
    let mut faults = vec![
        plain("connection refused", PlainFault::Refused),
        plain("reset before the effect", PlainFault::ResetBeforeEffect),
        plain("reset after the effect", PlainFault::ResetAfterEffect),
        plain("no answer, no effect", PlainFault::HangBeforeEffect),
        plain("no answer after the effect", PlainFault::HangAfterEffect),
        plain("half a body", PlainFault::HalfBody),
        plain("a body too slow to end", PlainFault::SlowDrip),
        plain("a body too large", PlainFault::OversizedBody),
        plain("200 with a page", PlainFault::Html200),
        plain("redirect to another host", PlainFault::Redirect),
    ];
    let status = StatusFault::new;
    faults.extend(
        [
            ("200 with a page, after the effect", status(200).html().after_effect()),
            ("429", status(429)),
            ("429, `Retry-After: 7`", status(429).retry_after(7)),
            ("500", status(500)),
            ("500 after the effect", status(500).after_effect()),
            ("502 with a page", status(502).html()),
            ("502 with a page, after the effect", status(502).html().after_effect()),
            ("503", status(503)),
            ("503 after the effect", status(503).after_effect()),
            ("503, `Retry-After: 2`", status(503).retry_after(2)),
            ("503, `Retry-After: 2`, after the effect", status(503).retry_after(2).after_effect()),
            ("401", status(401)),
            ("403", status(403)),
            ("403 with a page", status(403).html()),
            ("403 with a gateway's JSON", status(403).body(r#"{"blocked":"by policy"}"#)),
            ("403 with an empty body", status(403).body("")),
            ("404", status(404)),
            ("408", status(408)),
            ("408 after the effect", status(408).after_effect()),
        ]
        .map(|(name, fault)| (name, Fault::from(fault))),
    );
    faults
}
