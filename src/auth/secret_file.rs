//! A secret or assertion in a file that somebody else renews: Kubernetes, a vault's agent, an administrator.
//!
//! It is read again each time it is needed, and never believed blindly: a file that is missing, empty, too long
//! or of several lines is an error that says so, and the next reading starts afresh.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::error::{TokenError, TokenErrorKind};
use crate::types::{Secret, printable};

/// A secret or an assertion is a line; what is longer isn't one.
pub(super) const LONGEST: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct SecretFile {
    path: PathBuf,
    /// What it is the file of, for messages.
    of: &'static str,
    hasher: RandomState,
}

impl SecretFile {
    pub(super) fn new(of: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), of, hasher: RandomState::new() }
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// What the file holds now, without a byte order mark and the blanks around it.
    pub(super) fn read(&self) -> Result<Secret, TokenError> {
        let wrong = |what: &str| {
            let path = printable(&self.path.to_string_lossy(), 200);
            TokenError::permanent(format!("the file \"{path}\" of the {} {what}", self.of))
        };
        // Opening a pipe would wait for its other end.
        let about = fs::metadata(&self.path).map_err(|e| wrong("can't be opened").caused_by(e))?;
        if !about.is_file() {
            return Err(wrong("isn't a regular file"));
        }
        let file = fs::File::open(&self.path).map_err(|e| wrong("can't be opened").caused_by(e))?;
        // With room to spare it never grows, which would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 64));
        file.take(LONGEST as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| wrong("can't be read").caused_by(e))?;
        if bytes.len() > LONGEST {
            return Err(wrong("is longer than 16 KiB"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("isn't UTF-8 text"))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(wrong("is empty"));
        }
        if text.contains(['\n', '\r']) {
            return Err(wrong("has more than one line"));
        }
        Ok(Secret::new(text))
    }

    /// The same, where the file system's slowness holds up no other task.
    pub(super) async fn read_aside(self: &Arc<Self>) -> Result<Secret, TokenError> {
        let file = Arc::clone(self);
        aside("reading its file", move || file.read()).await
    }

    /// Changes when what the file holds does, or when it can't be read any more, or again. It tells nothing
    /// about the content: the hash is of this process alone.
    pub(super) fn fingerprint(&self) -> u64 {
        match self.read() {
            Ok(secret) => self.hasher.hash_one(secret.expose()),
            Err(error) => self.hasher.hash_one(error.to_string()),
        }
    }
}

/// Runs what may wait on a thread that is there for it; a panic in it is an error.
pub(super) async fn aside(
    what: &str,
    read: impl FnOnce() -> Result<Secret, TokenError> + Send + 'static,
) -> Result<Secret, TokenError> {
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|stopped| {
        let (kind, how) = if stopped.is_panic() {
            (TokenErrorKind::Other, "panicked")
        } else {
            (TokenErrorKind::Transient, "was broken off")
        };
        Err(TokenError::new(kind, format!("{what} {how}, so there is no secret to sign in with")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> SecretFile {
        let name = format!("dr-{}-{name}", std::process::id());
        SecretFile::new("client secret", std::env::temp_dir().join(name))
    }

    #[test]
    fn a_line_is_read_without_what_surrounds_it() {
        let file = file("line");
        for content in ["s3cret", "s3cret\n", "\u{feff}s3cret\r\n", "  s3cret \n\n"] {
            fs::write(&file.path, content).unwrap();
            assert_eq!(file.read().unwrap().expose(), "s3cret", "{content:?}");
        }
        fs::write(&file.path, "x".repeat(LONGEST)).unwrap();
        assert_eq!(file.read().unwrap().expose().len(), LONGEST);
        fs::remove_file(&file.path).unwrap();
    }

    #[test]
    fn anything_else_is_an_error_that_names_the_file_and_shows_no_content() {
        let file = file("wrong");
        assert!(file.read().unwrap_err().to_string().contains("can't be opened"));
        for (content, wrong) in [
            (&b""[..], "is empty"),
            (b"\xef\xbb\xbf \n", "is empty"),
            (b"c4nary\nsecond", "more than one line"),
            (b"c4nary\xff\xfe", "isn't UTF-8"),
            (&vec![b'x'; LONGEST + 1], "longer than 16 KiB"),
        ] {
            fs::write(&file.path, content).unwrap();
            let error = file.read().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(wrong) && shown.contains("wrong"), "{shown}");
            assert!(error.is_permanent() && !shown.contains("c4nary"), "{shown}");
        }
        fs::remove_file(&file.path).unwrap();

        let folder = SecretFile::new("client secret", std::env::temp_dir());
        assert!(folder.read().unwrap_err().to_string().contains("isn't a regular file"));
    }

    #[test]
    fn the_fingerprint_follows_the_content() {
        let file = file("fingerprint");
        let missing = file.fingerprint();
        fs::write(&file.path, "one").unwrap();
        let one = file.fingerprint();
        assert_eq!(one, file.fingerprint());
        fs::write(&file.path, "two").unwrap();
        let two = file.fingerprint();
        assert!(missing != one && one != two && two != missing);
        fs::write(&file.path, "one\n").unwrap();
        assert_eq!(file.fingerprint(), one);
        fs::remove_file(&file.path).unwrap();
        assert_eq!(file.fingerprint(), missing);
    }

    #[tokio::test]
    async fn a_panic_while_reading_is_an_error() {
        let error = aside("the provider", || panic!("c4nary")).await.unwrap_err();
        assert!(error.to_string().contains("the provider panicked"), "{error}");
    }
}
