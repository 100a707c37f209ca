//! A plan on paper: JSON with a hash, and back.

use std::fmt::Write as _;
use std::io;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::outcome::Fate;
use super::{Body, Plan};

/// The form of what is written; another one isn't read.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Written<'p> {
    format: u32,
    hash: String,
    plan: &'p Body,
}

#[derive(Deserialize)]
struct Read {
    format: u32,
    hash: String,
    plan: Body,
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Plan {
    /// The SHA-256 of all that it says, in hexadecimal digits: indicators, withdrawals, sources, options, time, tenant.
    ///
    /// It is written into the plan's JSON, and a plan that was changed since isn't read.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hashing = Hashing(Sha256::new());
        // Neither writing to a hash nor writing these types can fail.
        let _ = serde_json::to_writer(&mut hashing, &*self.0);
        hashing.0.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Written { format: FORMAT, hash: self.hash(), plan: &self.0 }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Read { format, hash, plan } = Read::deserialize(d)?;
        if format != FORMAT {
            return Err(D::Error::custom(format_args!(
                "the plan is of format {format}, and {FORMAT} is read"
            )));
        }
        if !plan.places_are_right() {
            return Err(D::Error::custom("the plan names sources or indicators that it hasn't"));
        }
        let plan = Self::from_body(plan);
        if plan.hash() != hash {
            return Err(D::Error::custom("the plan was changed since it was written"));
        }
        Ok(plan)
    }
}

impl Body {
    fn places_are_right(&self) -> bool {
        let sources = |places: &[usize]| {
            !places.is_empty() && places.iter().all(|place| *place < self.sources.len())
        };
        self.indicators.iter().all(|planned| sources(&planned.sources))
            && self.withdrawals.iter().all(|withdrawal| sources(&withdrawal.sources))
            && self.sources.iter().all(|source| match &source.fate {
                Fate::Planned(places) => places.iter().all(|at| *at < self.indicators.len()),
                Fate::Withdrawn { withdrawals, .. } => {
                    withdrawals.iter().all(|at| *at < self.withdrawals.len())
                }
                Fate::Skipped(_) => true,
            })
    }
}
