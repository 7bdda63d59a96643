# For those who prefer containers to `make run`; see docker-compose.yml.
FROM python:3.11-slim
WORKDIR /threeslot
COPY requirements/run.txt requirements/
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/run.txt
COPY . .
RUN SECRET_KEY=none python manage.py collectstatic --no-input --verbosity 0 && useradd threeslot
USER threeslot
ENV HOST=0.0.0.0 PORT=8000 PYTHONUNBUFFERED=1
CMD ["python", "manage.py", "web"]
