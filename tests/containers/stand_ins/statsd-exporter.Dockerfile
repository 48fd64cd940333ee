ARG BASE
FROM $BASE
# Takes Airflow's packets, and exports nothing.
ENTRYPOINT ["python3", "-c", "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('0.0.0.0', 9125)); [s.recv(65535) for _ in iter(int, 1)]"]
