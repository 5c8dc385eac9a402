//! Just enough of the protocol to set servers up: one command on a connection of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::bail;

/// How the answer to the last `PING` begins, also of a server that is not ready to say more.
const ENDS: [&str; 4] = ["+PONG", "-LOADING", "-MISCONF", "-BUSY"];
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
    let mut bytes = Vec::new();
    let answer = loop {
        let mut part = [0; 4096];
        match stream.read(&mut part)? {
            0 => bail!("the server hung up"),
            length => bytes.extend(part.iter().take(length)),
        }
        let text = String::from_utf8_lossy(&bytes);
        let rest = match password {
            None => &*text,
            Some(_) if text.starts_with('-') => bail!("the server refuses its password: {text}"),
            Some(_) => text.strip_prefix("+OK\r\n").unwrap_or_default(),
        };
        // The answer has at least one line, and then comes that of the `PING`.
        let lines = rest.strip_suffix("\r\n");
        if let Some((answer, last)) = lines.and_then(|lines| lines.rsplit_once("\r\n"))
            && ENDS.iter().any(|end| last.starts_with(end))
        {
            break format!("{answer}\r\n");
        }
    };
    if let Some(error) = answer.strip_prefix('-') {
        bail!("{}: {}", command.join(" "), error.trim());
    }
    Ok(answer)
}

fn encoded(command: &[&str]) -> String {
    let mut text = format!("*{}\r\n", command.len());
    for part in command {
        text.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    text
}
