//! The blocks of a PEM text: what stands between `-----BEGIN X-----` and `-----END X-----`.
//!
//! The readers there are leave copies of what they decode, and here that may be a private key. So this one
//! decodes into memory that is wiped, and says which form a file has that isn't right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::auth::error::TokenError;
use crate::types::printable;

/// A certificate with its chain and a key are some kilobytes.
const LONGEST: usize = 1024 * 1024;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// A block's label, such as `CERTIFICATE`, and its bytes.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
    /// By the old way, of which a header tells.
    pub(super) encrypted: bool,
}

/// The blocks in their order; text around them is passed over, as `openssl` writes some. There is at least one.
pub(super) fn blocks(pem: &[u8]) -> Result<Vec<Block>, TokenError> {
    if pem.len() > LONGEST {
        return Err(TokenError::permanent("the PEM text is longer than 1 MiB"));
    }
    // A DER sequence with a length of two bytes, which no text begins with.
    if pem.starts_with(&[0x30, 0x82]) {
        return Err(TokenError::permanent(
            "this is binary (DER or PKCS#12) and not PEM: convert it with openssl",
        ));
    }
    let text = std::str::from_utf8(pem)
        .map_err(|_| TokenError::permanent("this isn't PEM: it isn't UTF-8 text"))?;

    let mut blocks = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix(BEGIN).and_then(|l| l.strip_suffix(DASHES)) else {
            continue;
        };
        blocks.push(block(printable(label, 40), text.len(), &mut lines)?);
    }
    if blocks.is_empty() {
        return Err(TokenError::permanent("this isn't PEM: no line begins with -----BEGIN"));
    }
    Ok(blocks)
}

fn block<'a>(
    label: String,
    at_most: usize,
    lines: &mut impl Iterator<Item = &'a str>,
) -> Result<Block, TokenError> {
    let wrong = |what: &str| TokenError::permanent(format!("the PEM block {label} {what}"));
    // Large enough from the start: what grows leaves copies behind.
    let mut encoded = Zeroizing::new(String::with_capacity(at_most));
    let mut encrypted = false;
    loop {
        let line = lines.next().ok_or_else(|| wrong("has no end"))?;
        if let Some(end) = line.strip_prefix(END).and_then(|l| l.strip_suffix(DASHES)) {
            if end != label {
                return Err(wrong("ends with another label"));
            }
            break;
        }
        match line.split_once(':') {
            Some((_, value)) => encrypted |= value.contains("ENCRYPTED"),
            None => encoded.push_str(line),
        }
    }
    if encrypted {
        return Ok(Block { label, der: Zeroizing::default(), encrypted });
    }
    let mut der = Zeroizing::new(vec![0; encoded.len()]);
    let length = STANDARD
        .decode_slice(encoded.as_bytes(), &mut der)
        .map_err(|_| wrong("isn't base64 throughout"))?;
    der.truncate(length);
    Ok(Block { label, der, encrypted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(pem: &[u8]) -> String {
        blocks(pem).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn blocks_are_read_with_what_stands_around_them() {
        let text = "\u{feff}Bag Attributes\r\n    localKeyID: 01\r\n-----BEGIN A-----\r\nAQID\r\nBA==\r\n-----END A-----\r\n\r\n\
                    subject=x\n-----BEGIN B C-----\n/+8=\n-----END B C-----";
        let read = blocks(text.as_bytes()).unwrap();
        let read: Vec<_> = read.iter().map(|b| (b.label.as_str(), b.der.as_slice())).collect();
        assert_eq!(read, [("A", &[1, 2, 3, 4][..]), ("B C", &[255, 239])]);
    }

    #[test]
    fn a_key_encrypted_the_old_way_is_told_from_an_unreadable_one() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n!\n\
                    -----END RSA PRIVATE KEY-----\n";
        let read = blocks(text.as_bytes()).unwrap();
        assert!(read.len() == 1 && read.iter().all(|b| b.encrypted));
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said_without_showing_it() {
        for (pem, wrong) in [
            ("", "no line begins with"),
            ("c4nary", "no line begins with"),
            ("-----BEGIN A-----\nc4na", "the PEM block A has no end"),
            ("-----BEGIN A-----\nAQID\n-----END B-----", "ends with another label"),
            ("-----BEGIN A-----\nc4nary!\n-----END A-----", "isn't base64"),
            ("-----BEGIN A-----\n-----BEGIN B-----\nAQID\n-----END B-----", "another label"),
        ] {
            let message = message(pem.as_bytes());
            assert!(message.contains(wrong) && !message.contains("c4nary"), "{message}");
        }
        assert!(message(&[0x30, 0x82, 1, 2]).contains("binary"));
        assert!(message(b"\xff\xfe-\0").contains("UTF-8"));
        assert!(message(&vec![b'\n'; LONGEST + 1]).contains("longer than 1 MiB"));
    }
}
