import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class TestUp:
    def test_refuses_a_port_in_use_before_it_makes_anything(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            data = tmp_path / "data"
            settings = {"PAYDESK_ENV": "test", "PAYDESK_DATA_DIR": str(data), "PAYDESK_PORT": str(port)}

            run = subprocess.run(
                [sys.executable, "-m", "jobs", "up"],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if not name.startswith("PAYDESK_")}
                | settings,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        assert run.returncode == 1
        assert f"Port {port} is in use already" in run.stdout
        assert not (data / "postgres").exists()
