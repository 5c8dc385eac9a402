//! Just enough of the protocol to set servers up: one command on a connection of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

const END: &[u8] = b"+PONG\r\n";
const LIMIT: Duration = Duration::from_secs(5);

/// Sends a command to the server on `port`, and answers what it said, with the signs of the protocol in it.
pub(crate) fn ask(port: u16, password: Option<&str>, command: &[&str]) -> anyhow::Result<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let mut text = String::new();
    if let Some(password) = password {
        text.push_str(&encoded(&["AUTH", password]));
    }
    text.push_str(&encoded(command));
    // Marks the end of the answer. Not QUIT, which a sentinel doesn't know.
    text.push_str(&encoded(&["PING"]));
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(END) {
        let mut part = [0; 4096];
        match stream.read(&mut part)? {
            0 => bail!("the server hung up"),
            length => answer.extend(part.iter().take(length)),
        }
    }
    answer.truncate(answer.len() - END.len());
    let answer = String::from_utf8_lossy(&answer);
    let answer = match password {
        Some(_) => answer
            .strip_prefix("+OK\r\n")
            .with_context(|| format!("the server refuses its password: {answer}"))?,
        None => &answer,
    };
    if let Some(error) = answer.strip_prefix('-') {
        bail!("{}: {}", command.join(" "), error.trim());
    }
    Ok(answer.to_owned())
}

fn encoded(command: &[&str]) -> String {
    let mut text = format!("*{}\r\n", command.len());
    for part in command {
        text.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    text
}
