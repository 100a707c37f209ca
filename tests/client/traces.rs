//! What a test's own thread traces. One subscriber serves all tests: with one for each, a call site that another
//! thread meets first is switched off for good.

use std::cell::RefCell;
use std::io;
use std::sync::OnceLock;

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// From its beginning to its end, everything is kept that this thread traces.
pub struct Traces(());

impl Traces {
    pub fn begin() -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(|| Writer)
                .init();
        });
        CAPTURED.set(Some(Vec::new()));
        Self(())
    }

    pub fn end(self) -> String {
        let Self(()) = self;
        String::from_utf8(CAPTURED.take().unwrap()).unwrap()
    }
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            if let Some(captured) = captured {
                captured.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
