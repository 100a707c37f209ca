//! A client set up by environment variables.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;

use zeroize::Zeroizing;

use super::{Client, ClientBuilder};
use crate::auth::ClientSecret;
use crate::error::{Error, Result};
use crate::region::{Region, parse_base};
use crate::types::Secret;

/// A secret in a file is a line; a file beyond this is the wrong one.
const LONGEST_SECRET: u64 = 16 * 1024;

/// Where variables come from: the process, or a test's table.
pub(super) trait Variables {
    fn get(&self, name: &str) -> Option<OsString>;

    /// An empty variable counts as unset.
    fn filled(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let value = value.into_string();
        let text = value.map_err(|_| Error::configuration(format!("{name} isn't Unicode text")))?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }
}

pub(super) struct Process;

impl Variables for Process {
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

pub(super) fn builder(variables: &impl Variables) -> Result<ClientBuilder> {
    let mut own = false;
    for name in ["TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE"] {
        own |= variables.filled(&format!("DEFENDER_{name}"))?.is_some();
    }
    let prefix = if own { "DEFENDER" } else { "AZURE" };

    let mut missing = Vec::new();
    let mut need = |name: String| {
        let value = variables.filled(&name)?;
        if value.is_none() {
            missing.push(name);
        }
        Ok::<_, Error>(value.unwrap_or_default())
    };
    let tenant = need(format!("{prefix}_TENANT_ID"))?;
    let application = need(format!("{prefix}_CLIENT_ID"))?;
    let secret = match variables.filled("DEFENDER_CLIENT_SECRET_FILE")? {
        Some(file) => from_file(variables, &file)?,
        None => Secret::new(need(format!("{prefix}_CLIENT_SECRET"))?),
    };
    if !missing.is_empty() {
        return Err(missing_variables(own, &missing));
    }

    let builder = Client::builder(ClientSecret::new(tenant, application, secret));
    endpoints(variables, own, builder)
}

fn endpoints(
    variables: &impl Variables,
    own: bool,
    mut builder: ClientBuilder,
) -> Result<ClientBuilder> {
    let mut region = Region::default();
    if let Some(name) = variables.filled("DEFENDER_REGION")? {
        let unknown = |e| Error::configuration("DEFENDER_REGION names no region").caused_by(e);
        region = name.parse::<Region>().map_err(unknown)?;
    }
    builder = builder.region(region);
    if let Some(url) = variables.filled("DEFENDER_BASE_URL")? {
        parse_base("DEFENDER_BASE_URL", region.endpoint().base, &url)?;
        builder = builder.base_url(url);
    }
    let authorities = if own {
        &["DEFENDER_AUTHORITY"][..]
    } else {
        &["DEFENDER_AUTHORITY", "AZURE_AUTHORITY_HOST"]
    };
    for name in authorities {
        if let Some(url) = variables.filled(name)? {
            parse_base(name, region.endpoint().authority, &url)?;
            builder = builder.authority(url);
            break;
        }
    }
    if let Some(audience) = variables.filled("DEFENDER_AUDIENCE")? {
        builder = builder.audience(audience);
    }
    Ok(builder)
}

fn missing_variables(own: bool, missing: &[String]) -> Error {
    let missing = missing.join(", ");
    Error::configuration(if own {
        format!(
            "{missing} not set (DEFENDER_CLIENT_SECRET_FILE may stand for DEFENDER_CLIENT_SECRET)"
        )
    } else {
        format!(
            "no credential in the environment: none of DEFENDER_TENANT_ID, DEFENDER_CLIENT_ID, DEFENDER_CLIENT_SECRET \
             and DEFENDER_CLIENT_SECRET_FILE is set, and of the names read in their place {missing} not set either"
        )
    })
}

fn from_file(variables: &impl Variables, path: &str) -> Result<Secret> {
    if variables.filled("DEFENDER_CLIENT_SECRET")?.is_some() {
        return Err(Error::configuration(
            "DEFENDER_CLIENT_SECRET and DEFENDER_CLIENT_SECRET_FILE are both set: which is meant?",
        ));
    }
    let wrong =
        |what: &str| Error::configuration(format!("DEFENDER_CLIENT_SECRET_FILE {path:?} {what}"));
    let file = File::open(path).map_err(|e| wrong("can't be opened").caused_by(e))?;
    let mut text = String::new();
    file.take(LONGEST_SECRET + 1)
        .read_to_string(&mut text)
        .map_err(|e| wrong("can't be read as text").caused_by(e))?;
    let text = Zeroizing::new(text);
    let secret = text.trim_start_matches('\u{feff}').trim();
    if secret.is_empty() {
        return Err(wrong("is empty"));
    }
    if text.len() as u64 > LONGEST_SECRET {
        return Err(wrong("is too long for a secret"));
    }
    if secret.contains(['\n', '\r']) {
        return Err(wrong("has more than one line"));
    }
    Ok(Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const ID: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";

    impl Variables for HashMap<&str, &str> {
        fn get(&self, name: &str) -> Option<OsString> {
            HashMap::get(self, name).map(|&value| value.into())
        }
    }

    fn build(variables: &[(&str, &str)]) -> Result<Client> {
        builder(&variables.iter().copied().collect::<HashMap<_, _>>())?.build()
    }

    fn message(variables: &[(&str, &str)]) -> String {
        let error = build(variables).unwrap_err();
        assert!(error.is_configuration(), "{error}");
        error.to_string()
    }

    #[test]
    fn everything_can_be_set() {
        let client = build(&[
            ("DEFENDER_TENANT_ID", "contoso.example"),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET", "s3cret"),
            ("DEFENDER_REGION", "gcc-high"),
            ("DEFENDER_BASE_URL", "https://base.example/api"),
            ("DEFENDER_AUTHORITY", "https://authority.example"),
            ("DEFENDER_AUDIENCE", "https://audience.example/.default"),
            ("AZURE_AUTHORITY_HOST", "https://elsewhere.example"),
        ])
        .unwrap();
        let shown = format!("{client:?}");
        for part in ["//base.example/\"", "//authority.example/", "audience.example\""] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("s3cret"));
    }

    #[test]
    fn the_azure_names_are_read_only_where_no_own_one_is_set() {
        let azure = [
            ("AZURE_TENANT_ID", ID),
            ("AZURE_CLIENT_ID", ID),
            ("AZURE_CLIENT_SECRET", "s3cret"),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"),
        ];
        assert!(format!("{:?}", build(&azure).unwrap()).contains("microsoftonline.us"));

        let mixed: Vec<_> = azure.into_iter().chain([("DEFENDER_TENANT_ID", ID)]).collect();
        let message = message(&mixed);
        assert!(
            message.contains("DEFENDER_CLIENT_ID, DEFENDER_CLIENT_SECRET not set"),
            "{message}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["DEFENDER_TENANT_ID", "DEFENDER_CLIENT_SECRET_FILE", "AZURE_CLIENT_SECRET"] {
            let message = message(&[]);
            assert!(message.contains(name), "{message}");
        }
        let blank = [("DEFENDER_TENANT_ID", ID), ("DEFENDER_CLIENT_ID", "  ")];
        assert!(message(&blank).contains("DEFENDER_CLIENT_ID"));
    }

    #[test]
    fn a_wrong_region_lists_the_right_ones() {
        let error = build(&[
            ("DEFENDER_TENANT_ID", ID),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET", "s3cret"),
            ("DEFENDER_REGION", "atlantis"),
        ])
        .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("atlantis") && cause.contains("gcc-high"), "{cause}");
    }

    #[test]
    fn a_secret_file_is_read_trimmed_and_checked() {
        let path = std::env::temp_dir().join(format!("dr-secret-{}", std::process::id()));
        let path = path.to_str().unwrap();
        let set = [
            ("DEFENDER_TENANT_ID", ID),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET_FILE", path),
        ];
        assert!(message(&set).contains("can't be opened"));
        for (content, wrong) in [
            ("s3cret\n", None),
            ("\u{feff}s3cret\r\n", None),
            (" \n", Some("is empty")),
            ("s3cret\nanother\n", Some("more than one line")),
            (&*"x".repeat(20_000), Some("is too long")),
        ] {
            std::fs::write(path, content).unwrap();
            let built = build(&set).map_err(|e| e.to_string());
            match wrong {
                None => assert!(built.is_ok(), "{built:?}"),
                Some(wrong) => assert!(built.unwrap_err().contains(wrong)),
            }
        }
        let both: Vec<_> = set.into_iter().chain([("DEFENDER_CLIENT_SECRET", "x")]).collect();
        assert!(message(&both).contains("both set"));
        std::fs::remove_file(path).unwrap();
    }
}
