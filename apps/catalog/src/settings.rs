//! What the catalogue is told beside its database: on the command line, else by the environment, else by the nearest file
//! `.env`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use clap::Args;
use shelfmark::Result;
use shelfmark::config::Variables;

use crate::http::{ClientLimit, Rate};
use crate::serve::{DEFAULT_ADDRESS, Serving};

const ADDRESS: &str = "CATALOG_ADDR";
const RATE_LIMIT: &str = "CATALOG_RATE_LIMIT";
const BEHIND_PROXY: &str = "CATALOG_BEHIND_PROXY";
const SAMPLE: &str = "CATALOG_SAMPLE";
const URL: &str = "CATALOG_URL";

/// Where users find a deployment whose files nobody has changed.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// What `catalog serve` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080] [variable: CATALOG_ADDR]
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<SocketAddr>,
    /// How often one client may ask, such as 100/1m; without it there is no limit [variable: CATALOG_RATE_LIMIT]
    #[arg(long, value_name = "COUNT/TIME")]
    rate_limit: Option<Rate>,
    /// A proxy in front says in `x-forwarded-for` who the client is [variable: CATALOG_BEHIND_PROXY=true]
    #[arg(long)]
    behind_proxy: bool,
    /// Leave an empty catalogue empty, instead of filling it with a sample [variable: CATALOG_SAMPLE=false]
    #[arg(long)]
    no_sample: bool,
}

impl ServeArgs {
    /// What is served, with what the command line leaves out taken from the variables.
    ///
    /// # Errors
    /// `InvalidConfig` with each variable that is wrong, and where it stands.
    pub(crate) fn settled(self) -> Result<Serving> {
        let mut variables = Variables::from_env()?;
        let address = self.addr.or_else(|| listening(&mut variables));
        let rate = self.rate_limit.or_else(|| {
            let what = "is not a number of requests per time";
            parsed(&mut variables, RATE_LIMIT, what, "100/1m")
        });
        let behind_proxy = variables.switch(BEHIND_PROXY).unwrap_or(false);
        let sample = variables.switch(SAMPLE).unwrap_or(true);
        variables.finish()?;
        Ok(Serving {
            address: address.unwrap_or(DEFAULT_ADDRESS),
            limit: rate.map(|Rate(quota)| ClientLimit {
                quota,
                behind_proxy: self.behind_proxy || behind_proxy,
            }),
            sample: sample && !self.no_sample,
        })
    }
}

/// Where an instance on this machine listens.
///
/// # Errors
/// `InvalidConfig`.
pub(crate) fn address(said: Option<SocketAddr>) -> Result<SocketAddr> {
    if let Some(address) = said {
        return Ok(address);
    }
    let mut variables = Variables::from_env()?;
    let address = listening(&mut variables);
    variables.finish()?;
    Ok(address.unwrap_or(DEFAULT_ADDRESS))
}

/// Where users find the catalogue.
///
/// # Errors
/// `InvalidConfig`.
pub(crate) fn url(said: Option<String>) -> Result<String> {
    if let Some(url) = said {
        return Ok(url);
    }
    let mut variables = Variables::from_env()?;
    let url = variables.text(URL);
    variables.finish()?;
    Ok(url.unwrap_or_else(|| DEFAULT_URL.to_owned()))
}

fn listening(variables: &mut Variables) -> Option<SocketAddr> {
    let what = "is not an IP address with a port";
    parsed(variables, ADDRESS, what, DEFAULT_ADDRESS)
}

/// The value of the variable `name`, which is refused when it is none.
fn parsed<T: FromStr>(
    variables: &mut Variables,
    name: &str,
    what: &str,
    example: impl fmt::Display,
) -> Option<T> {
    let value = variables.text(name)?;
    let parsed = value.parse().ok();
    if parsed.is_none() {
        let what = format_args!("`{value}` {what}");
        variables.refuse(name, what, format_args!("{name}={example}"));
    }
    parsed
}
