//! The words for what went wrong, and for what to do then.

use std::io::ErrorKind;

use super::Lang;
use crate::client::{Ending, Problem};
use crate::protocol::Farewell;

impl Lang {
    /// How the session ended, where that needs a word.
    pub fn ending(self, ending: &Ending, server: &str) -> Option<String> {
        let sentence = match ending {
            Ending::Left | Ending::OutputClosed | Ending::Dismissed(Farewell::Quit) => return None,
            // It has been shown as it came.
            Ending::Failed(Problem::NameRefused) => return None,
            Ending::Failed(problem) => self.problem(problem, server),
            Ending::Dismissed(Farewell::Shutdown) => say! { self,
            "O servidor {server} foi encerrado.",
            "The server {server} was shut down." },
            Ending::Dismissed(Farewell::ServerFull) => say! { self,
            "O servidor {server} está cheio; tente mais tarde.",
            "The server {server} is full; try again later." },
            Ending::Dismissed(Farewell::TooManyConnections) => say! { self,
            "O servidor {server} já tem conexões demais deste endereço; feche alguma.",
            "The server {server} has too many connections from this address; close one." },
            Ending::Dismissed(Farewell::TooManyAttempts) => say! { self,
            "O servidor {server} recusou nomes demais; conecte de novo.",
            "The server {server} has refused too many names; connect again." },
            Ending::Dismissed(Farewell::HandshakeTimeout) => say! { self,
            "O servidor {server} não esperou mais pelo nome; conecte de novo.",
            "The server {server} waited no longer for a name; connect again." },
        };
        Some(sentence)
    }

    /// What is wrong, and what to do.
    pub fn problem(self, problem: &Problem, server: &str) -> String {
        match problem {
            Problem::BadPort(port) => say! { self,
            "\"{port}\" não é uma porta; use um número de 1 a 65535, como 50001.",
            "\"{port}\" is not a port; use a number from 1 to 65535, such as 50001." },
            Problem::EmptyHost => say! { self,
            "O endereço do servidor está vazio; use --host com um IP ou um nome.",
            "The address of the server is empty; use --host with an IP or a name." },
            Problem::PortInHost(typed, flags) => say! { self,
            "\"{typed}\" tem uma porta; dê-a à parte: {flags}.",
            "\"{typed}\" has a port in it; give that by itself: {flags}." },
            Problem::SchemeInHost(typed, host) => say! { self,
            "\"{typed}\" é um endereço da web; basta o nome ou o IP do servidor: --host {host}.",
            "\"{typed}\" is a web address; the name or IP of the server will do: --host {host}." },
            Problem::NoZone(host) => say! { self,
            "{host} só vale numa rede; diga por qual interface se chega a ele, como em --host {host}%eth0.",
            "{host} is good on one network alone; say which interface leads there, as in --host {host}%eth0." },
            Problem::BadUsername(error) => self.bad_name(error),
            Problem::UnknownHost(host) => say! { self,
            "Não há endereço para \"{host}\"; confira o nome, ou use o IP do servidor.",
            "There is no address for \"{host}\"; check the name, or use the server's IP." },
            Problem::NoResolver(host) => say! { self,
            "Ninguém respondeu qual é o endereço de \"{host}\"; confira a rede, ou use o IP do servidor.",
            "Nobody answered what the address of \"{host}\" is; check the network, or use the server's IP." },
            Problem::Refused(address) if address.ip().is_loopback() => say! { self,
            "{address} recusou a conexão: nesta máquina não há servidor nessa porta; inicie um, ou dê o endereço de outro, como em chat-client 192.168.0.17.",
            "{address} refused the connection: this machine has no server at that port; start one, or give the address of another, as in chat-client 192.168.0.17." },
            Problem::Refused(address) => say! { self,
            "{address} recusou a conexão; confira se o servidor está no ar e a porta é essa.",
            "{address} refused the connection; check that the server runs and that this is its port." },
            Problem::Unreachable(address) => say! { self,
            "Não há caminho até {address}; confira a rede e o endereço.",
            "There is no way to {address}; check the network and the address." },
            Problem::TimedOut(address) => say! { self,
            "{address} não respondeu a tempo; confira o endereço, a rede e o firewall.",
            "{address} did not answer in time; check the address, the network and the firewall." },
            Problem::NoConnection(address, reason) => say! { self,
            "Não foi possível conectar a {address}: {reason}.",
            "Cannot connect to {address}: {reason}." },
            Problem::NoChatServer => say! { self,
            "{server} responde, mas não como servidor deste chat; confira a porta.",
            "{server} answers, but not as a server of this chat; check the port." },
            Problem::Silent => say! { self,
            "{server} aceita a conexão, mas nada diz; confira a porta, e se o servidor não está parado.",
            "{server} takes the connection but says nothing; check the port, and whether the server hangs." },
            Problem::ConnectionClosed => say! { self,
            "O servidor {server} fechou a conexão.",
            "The server {server} closed the connection." },
            Problem::ConnectionLost(ErrorKind::TimedOut) => say! { self,
            "A conexão com {server} se perdeu (ninguém mais responde); confira a rede e tente de novo.",
            "The connection to {server} was lost (nobody answers any more); check the network and try again." },
            Problem::ConnectionLost(_) => say! { self,
            "A conexão com {server} se perdeu (cortada no caminho ou do outro lado); tente de novo.",
            "The connection to {server} was lost (cut off on the way or at the other side); try again." },
            Problem::NameRefused => say! { self,
            "O nome foi recusado.",
            "The name was refused." },
            Problem::System(reason) => say! { self,
            "O sistema recusou algo de que o chat precisa: {reason}.",
            "The system refused something that the chat needs: {reason}." },
        }
    }
}
