//! Any bytes: no panic, no overflow, and what parses prints as what parses to the same.

#![no_main]

use defender_response::stix::Pattern;
use defender_response::stix::pattern::MAX_LENGTH;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Pattern::parse(text) {
        Ok(pattern) => {
            let printed = pattern.to_string();
            if printed.len() <= MAX_LENGTH {
                assert_eq!(Pattern::parse(&printed).as_ref(), Ok(&pattern));
            }
            assert_eq!(pattern.clone().into_owned(), pattern);
            assert_eq!(
                pattern.tests().count(),
                pattern.observation().comparisons().map(|part| part.tests().count()).sum::<usize>()
            );
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.position()));
            assert!(error.to_string().len() < 200);
        }
    }
});
