"""What ``serve`` and ``grafana`` say in a terminal, in English and Korean."""

from __future__ import annotations

__all__ = ["ENGLISH", "KOREAN"]

ENGLISH = {
    "help_serve": "show the web admin, and take OTLP from the extension",
    "serve_examples": (
        "examples:\n"
        "  cortex-otel serve                        web admin on 8080, OTLP/HTTP on 4318\n"
        "  cortex-otel serve --open                 and open the browser\n"
        "  cortex-otel serve --only receiver        OTLP alone\n"
        "  cortex-otel serve --port 0               any free port\n\n"
        "Both listen on this machine alone. Ctrl-C ends; what was acknowledged is on disk."
    ),
    "help_host": "address of the web admin (127.0.0.1); another one needs CORTEX_OTEL_ADMIN_TOKEN",
    "help_port": "port of the web admin (8080); 0 is any free one",
    "help_receiver_port": "port of OTLP/HTTP (4318); 0 is any free one",
    "help_only": "the one without the other",
    "help_open": "open the web admin in the browser",
    "help_demo_serve": "then show it in the web admin, with 90 days of made-up users",
    "help_grafana": "set up Grafana over the database",
    "help_grafana_action": "provision: write files for an installed Grafana; push: over its API",
    "help_grafana_target": "directory for the files, or URL of a running Grafana",
    "help_grafana_force": "overwrite files that are there",
    "grafana_examples": (
        "examples:\n"
        "  cortex-otel grafana provision ./provisioning   files for an installed Grafana\n"
        "  cortex-otel grafana push http://127.0.0.1:3000  GRAFANA_TOKEN holds the API token"
    ),
    "serve_missing": ("cortex-otel serve needs more packages: {install} (no {module})"),
    "serve_admin": "Web admin      {url}",
    "serve_receiver": "OTLP/HTTP      {url}",
    "serve_database": "Database       {path}",
    "serve_ends": "Ctrl-C ends.",
    "serve_ended": "Ended. What was acknowledged is on disk.",
    "serve_port_taken": "{host}:{port} is taken by another program: give {option} another port",
    "serve_cannot_listen": "can't listen on {host}:{port}: {detail}",
    "serve_needs_token": (
        "{host} can be reached from other machines: set {variable} (16 or more letters and digits)"
    ),
}

KOREAN = {
    "help_serve": "웹 관리 화면을 보여 주고 확장의 OTLP를 받음",
    "serve_examples": (
        "예:\n"
        "  cortex-otel serve                        웹 관리 화면 8080, OTLP/HTTP 4318\n"
        "  cortex-otel serve --open                 브라우저도 엶\n"
        "  cortex-otel serve --only receiver        OTLP만\n"
        "  cortex-otel serve --port 0               비어 있는 아무 포트\n\n"
        "둘 다 이 컴퓨터에서만 열립니다. Ctrl-C로 끝냅니다. 수신 확인된 것은 디스크에 있습니다."
    ),
    "help_host": "웹 관리 화면의 주소(127.0.0.1). 다른 주소에는 CORTEX_OTEL_ADMIN_TOKEN 필요",
    "help_port": "웹 관리 화면의 포트(8080). 0: 비어 있는 아무 포트",
    "help_receiver_port": "OTLP/HTTP 포트(4318). 0: 비어 있는 아무 포트",
    "help_only": "둘 중 하나만",
    "help_open": "브라우저에서 웹 관리 화면 열기",
    "help_demo_serve": "기록된 호출과 가상 사용자 90일치를 웹 관리 화면에서 보여 줌",
    "help_grafana": "데이터베이스 위에 Grafana 설정",
    "help_grafana_action": "provision: 설치된 Grafana용 파일 쓰기, push: API로 보내기",
    "help_grafana_target": "파일을 둘 디렉터리, 또는 실행 중인 Grafana의 URL",
    "help_grafana_force": "이미 있는 파일 덮어쓰기",
    "grafana_examples": (
        "예:\n"
        "  cortex-otel grafana provision ./provisioning   설치된 Grafana용 파일\n"
        "  cortex-otel grafana push http://127.0.0.1:3000  API 토큰은 GRAFANA_TOKEN"
    ),
    "serve_missing": ("serve에 패키지가 더 필요합니다: {install} ({module} 없음)"),
    "serve_admin": "웹 관리 화면   {url}",
    "serve_receiver": "OTLP/HTTP      {url}",
    "serve_database": "데이터베이스   {path}",
    "serve_ends": "Ctrl-C로 끝냅니다.",
    "serve_ended": "끝났습니다. 수신 확인된 것은 디스크에 있습니다.",
    "serve_port_taken": "{host}:{port} 사용 중: {option} 옵션으로 다른 포트를 주세요",
    "serve_cannot_listen": "{host}:{port}에서 열 수 없음: {detail}",
    "serve_needs_token": (
        "{host}: 다른 컴퓨터에서 접근할 수 있는 주소입니다. "
        "{variable} 값을 정하세요(영문자·숫자 16자 이상)"
    ),
}
